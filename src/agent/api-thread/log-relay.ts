// What the API logs is written by the agent. So few lines reach it, however many there are: whoever can reach the port
// must not keep the agent's thread busy with lines.

import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import { Bucket } from '../../rest/door/bucket.ts'
import type { LogLevel } from './words.ts'

const RATE = { perSecond: 50, atOnce: 200 }

interface RelayPorts {
  readonly clock: Pick<Clock, 'bootMs'>
  readonly wantsDebug: () => boolean
  readonly send: (level: LogLevel, text: string) => void
}

/** Lines above the rate are left out; the next one that is not says how many. */
export function createLogRelay({ clock, wantsDebug, send }: RelayPorts): Log {
  const bucket = new Bucket(RATE, clock.bootMs())
  let leftOut = 0
  const relay = (level: LogLevel, text: string): void => {
    if (!bucket.take(1, clock.bootMs())) {
      leftOut += 1
      return
    }
    if (leftOut > 0)
      send('warning', `REST API: ${leftOut} lines were left out of the log, there were too many at once`)
    leftOut = 0
    send(level, text)
  }
  return {
    debug: text => {
      if (wantsDebug()) relay('debug', text)
    },
    info: text => relay('info', text),
    warning: text => relay('warning', text),
    error: text => relay('error', text),
  }
}
