// A node whose decision is rightly "no action" though something is wrong: its log says so once it has lasted, and again
// when it is over.

import { expect, test } from 'vitest'
import { createTroubleLog } from '../../src/agent/trouble-log.ts'
import type { Memory } from '../../src/model/decision/memory.ts'
import type { Snapshot } from '../../src/model/decision/snapshot.ts'
import { seen } from '../../src/model/seen.ts'
import {
  base,
  leaderKey,
  member,
  memory,
  running,
  server,
  silent,
  stopped,
  view,
} from '../exhaustive/parts.ts'

function listen() {
  const lines: string[] = []
  const say = (level: string) => (text: string) => void lines.push(`${level} ${text}`)
  const log = { debug: say('DEBUG'), info: say('INFO'), warning: say('WARNING'), error: say('ERROR') }
  const consider = createTroubleLog({ log, serverLog: '/state/postgres.log' })
  return {
    lines,
    at: (
      seconds: number,
      change: Partial<Snapshot>,
      rejoin: Memory['rejoin'] = 'follow',
      more: Partial<Memory> = {},
    ) => consider({ ...base, ...change, nowMs: 1_000_000 + seconds * 1000 }, { ...memory, ...more, rejoin }),
  }
}

const receiver = { status: 'streaming', receivedTimeline: 1, latestEndLsn: 1n }
const led = view({ leader: leaderKey('pg2') })
const standby = (walReceiver: typeof receiver | null): Partial<Snapshot> => ({
  cluster: led,
  postgres: { ...base.postgres, process: running('accepting'), server: server(true, { walReceiver }) },
})
const shutOut: Partial<Snapshot> = {
  cluster: led,
  postgres: { ...base.postgres, process: running('accepting'), server: silent },
}

test('an agent that PostgreSQL does not let in', () => {
  const { lines, at } = listen()
  at(0, shutOut)
  at(9, shutOut)
  expect(lines).toEqual([])
  at(10, shutOut)
  at(100, shutOut)
  expect(lines).toEqual([
    expect.stringMatching(/^WARNING PostgreSQL runs but does not let the agent in \(timeout\)/),
  ])
  at(110, standby(receiver))
  expect(lines.slice(1)).toEqual(['INFO PostgreSQL lets the agent in again'])
})

test('a PostgreSQL that is stopped is not said to let the agent in', () => {
  const { lines, at } = listen()
  at(0, shutOut)
  at(10, shutOut)
  at(20, { cluster: led, postgres: { ...base.postgres, process: stopped, server: silent } })
  expect(lines).toHaveLength(1)
})

test('a standby that receives nothing from the leader, for example because its WAL is gone there', () => {
  const { lines, at } = listen()
  at(0, standby(null))
  at(11, standby(null))
  expect(lines).toEqual([expect.stringMatching(/^WARNING PostgreSQL receives no WAL though pg2 leads/)])
  expect(lines[0]).toContain('must be copied anew: stop its agent, remove the data directory')
  at(20, standby(receiver))
  expect(lines.slice(1)).toEqual(['INFO PostgreSQL streams again'])
})

test('a standby whose data went its own way, or waits to be compared, is told of by its rule', () => {
  const { lines, at } = listen()
  for (const rejoin of ['diverged', 'rewind-failed', 'check'] as const) {
    at(0, standby(null), rejoin)
    at(20, standby(null), rejoin)
  }
  expect(lines).toEqual([])
})

test('nothing is said of a standby without a leader, of a leader, and of work in progress', () => {
  const { lines, at } = listen()
  const quiet: readonly Partial<Snapshot>[] = [
    { ...standby(null), cluster: view({ leader: null }) },
    { ...standby(null), cluster: view({ leader: leaderKey(base.self.name) }) },
    { ...shutOut, work: { job: { kind: 'start' } } as unknown as Snapshot['work'] },
  ]
  for (const change of quiet) for (const seconds of [0, 30, 60]) at(seconds, change)
  expect(lines).toEqual([])
})

test('a standby that lacks the watchdog that it would need to lead', () => {
  const { lines, at } = listen()
  const watchdog = {
    mode: 'required',
    device: '/dev/watchdog',
    driver: 'default',
    safetyMarginMs: 5000,
  } as const
  const lacking = (why: string | null): Partial<Snapshot> => ({
    ...standby(receiver),
    self: { ...base.self, watchdog },
    fencer: { ...base.fencer, device: seen(why, base.nowMs) },
  })
  at(0, lacking('/dev/watchdog: Permission denied'))
  at(11, lacking('/dev/watchdog: Permission denied'))
  at(20, lacking('/dev/watchdog: Permission denied'))
  at(30, lacking(null))
  expect(lines).toEqual([
    'WARNING the required watchdog is not usable (/dev/watchdog: Permission denied): this node must not lead',
    'INFO the required watchdog can be used again',
  ])
})

test('refused keys are told of once, whatever their number', () => {
  const { lines, at } = listen()
  at(0, { cluster: led })
  const refused = { key: 'history', why: 'its value is too large' }
  for (const [seconds, number] of [
    [1, 1],
    [2, 5],
    [3, 2],
  ] as const)
    at(seconds, {
      cluster: view({ leader: leaderKey('pg2'), refusedKeys: Array(number).fill(refused) }),
    })
  expect(lines).toEqual([expect.stringMatching(/^WARNING etcd has keys that are refused/)])
  at(4, { cluster: led })
  expect(lines.slice(1)).toEqual(['INFO no key in etcd is refused any more'])
})

test('members that are left out are told of once, whatever their number', () => {
  const { lines, at } = listen()
  at(0, { cluster: led })
  for (const [seconds, leftOutMembers] of [
    [1, 1],
    [2, 500],
  ] as const)
    at(seconds, { cluster: view({ leader: leaderKey('pg2'), leftOutMembers }) })
  expect(lines).toEqual([expect.stringMatching(/^WARNING etcd has more keys below members\/ than/)])
  at(4, { cluster: led })
  expect(lines.slice(1)).toEqual(['INFO every member key is taken up again'])
})

test('a node without room for the slots of all newcomers says so once', () => {
  const { lines, at } = listen()
  const newcomer = { slot: 'ghost', lastNeededMs: 0, lastNeededWall: 0, member: 'ghost', newcomerSinceMs: 0 }
  const crowd = view({ leader: leaderKey('pg2'), members: [member('ghost', 'replica')] })
  for (const seconds of [1, 12, 30])
    at(seconds, { ...standby(receiver), cluster: crowd }, 'follow', { retainedSlots: [newcomer] })
  expect(lines).toEqual([expect.stringMatching(/^WARNING members that have never streamed have no/)])
})
