// GET and POST /failsafe: a leader that lost etcd asks every member whether it may go on (spec/ha.md 5.3). It looks for
// the word `Accepted`.

import type { FailsafePing } from '../../model/cluster/failsafe.ts'
import type { Lsn } from '../../model/units.ts'
import { type ExactJson, isObject, parseExact } from '../../wire/exact-json.ts'
import { FAILSAFE_ACCEPTED, FAILSAFE_HOLDS_HEADER } from '../../wire/failsafe/call.ts'
import { lsnOrNull, textOrNull } from '../../wire/fields.ts'
import { encodeJson } from '../../wire/python-json.ts'
import type { Asked } from '../asked.ts'
import type { Context } from '../endpoint-context.ts'
import type { NodeReadings } from '../node-view.ts'
import { json, page, type Reply, text } from '../reply.ts'
import { readBody } from '../request/body.ts'

export function getFailsafe({ readings }: Asked): Reply {
  const { members } = readings.failsafe()
  return members === null ? page(502) : json(200, encodeJson(members))
}

/** null: the mode is on. */
export function isFailsafeOff(readings: Pick<NodeReadings, 'settings'>): Reply | null {
  return readings.settings().failsafeMode ? null : page(502)
}

export async function postFailsafe(context: Context): Promise<Reply> {
  const off = isFailsafeOff(context.state)
  if (off !== null) return off
  const body = readBody(context.request.body)
  if (!body.ok) return body.reply
  const ping = readPing(body.text)
  if (ping === null) return page(400)
  const answer = context.state.acceptFailsafe(ping)
  if (answer.kind === 'running-as-leader') return text(500, 'Running as a leader')
  if (answer.kind === 'refused') return text(500, answer.why)
  return text(200, FAILSAFE_ACCEPTED, [
    ...(answer.lsn === null ? [] : [['lsn', String(answer.lsn)] as const]),
    [FAILSAFE_HOLDS_HEADER, String(answer.holdsMs)],
  ])
}

/** null: it does not say who asks. Positions are read exactly. */
function readPing(text: string): FailsafePing | null {
  const asked = parseExact(text)
  if (!isObject(asked)) return null
  const name = textOrNull(asked.name)
  const connUrl = textOrNull(asked.conn_url)
  const apiUrl = textOrNull(asked.api_url)
  if (name === null || connUrl === null || apiUrl === null) return null
  return { name, connUrl, apiUrl, slots: slotPositions(asked.slots) }
}

function slotPositions(value: ExactJson | undefined): Readonly<Record<string, Lsn>> {
  if (!isObject(value)) return {}
  const positions = Object.entries(value).map(([slot, position]) => [slot, lsnOrNull(position)] as const)
  return Object.fromEntries(positions.filter((each): each is [string, Lsn] => each[1] !== null))
}
