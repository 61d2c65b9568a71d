// GET and POST /failsafe: a leader that lost etcd asks every member whether it may go on (spec/ha.md 5.3). It looks for
// the word `Accepted`.

import type { Json, JsonObject } from '../../model/cluster/cluster.ts'
import type { FailsafePing } from '../../model/cluster/failsafe.ts'
import { isJsonObject, own } from '../../model/settings/patch.ts'
import type { Lsn } from '../../model/units.ts'
import { FAILSAFE_ACCEPTED, FAILSAFE_HOLDS_HEADER } from '../../wire/failsafe/call.ts'
import { lsnOrNull, textOrNull } from '../../wire/fields.ts'
import { encodeJson } from '../../wire/python-json.ts'
import type { Context } from '../endpoint-context.ts'
import { json, page, type Reply, text } from '../reply.ts'
import { readBody } from '../request/body.ts'

export function getFailsafe(context: Context): Reply {
  const { members } = context.state.failsafe()
  return members === null ? page(502) : json(200, encodeJson(members))
}

export async function postFailsafe(context: Context): Promise<Reply> {
  if (!context.state.settings().failsafeMode) return page(502)
  const body = await readBody(context.request)
  if (!body.ok) return body.reply
  const ping = readPing(body.document)
  if (ping === null) return page(400)
  const answer = context.state.acceptFailsafe(ping)
  if (answer.kind === 'running-as-leader') return text(500, 'Running as a leader')
  if (answer.kind === 'refused') return text(500, answer.why)
  return text(200, FAILSAFE_ACCEPTED, [
    ...(answer.lsn === null ? [] : [['lsn', String(answer.lsn)] as const]),
    [FAILSAFE_HOLDS_HEADER, String(answer.holdsMs)],
  ])
}

/** null: it does not say who asks. */
function readPing(document: JsonObject): FailsafePing | null {
  const name = textOrNull(own(document, 'name'))
  const connUrl = textOrNull(own(document, 'conn_url'))
  const apiUrl = textOrNull(own(document, 'api_url'))
  if (name === null || connUrl === null || apiUrl === null) return null
  return { name, connUrl, apiUrl, slots: slotPositions(own(document, 'slots')) }
}

function slotPositions(value: Json | undefined): Readonly<Record<string, Lsn>> {
  if (!isJsonObject(value)) return {}
  const positions = Object.entries(value).map(([slot, position]) => [slot, lsnOrNull(position)] as const)
  return Object.fromEntries(positions.filter((each): each is [string, Lsn] => each[1] !== null))
}
