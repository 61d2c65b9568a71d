// The `status` key as hactl changes it: its own fields are replaced, fields of others stay (Patroni 4.2 keeps
// `current_site`), and the write is guarded by the revision that was read, so that nothing written meanwhile is lost.

import type { ClusterStatus } from '../model/cluster/cluster.ts'
import type { Entry } from '../wire/cluster-view.ts'
import { type ExactObject, isObject, parseExact } from '../wire/exact-json.ts'
import { STATUS } from '../wire/keys.ts'
import { serialiseStatus } from '../wire/records.ts'
import type { Change, Guard } from './transport.ts'

interface StatusWrite {
  readonly change: Change
  readonly guard: Guard
}

const OWN_FIELDS: readonly string[] = ['optime', 'slots', 'retain_slots', 'hactl_newcomer_slots']

/** null: there is nothing to write; an unchanged status is not written again. */
export function statusWrite(status: ClusterStatus | null, standing: Entry | null): StatusWrite | null {
  if (status === null) return null
  const text = serialiseStatus(status, foreignFields(standing))
  if (standing?.text === text) return null
  return { change: { key: STATUS, text }, guard: statusAsSeen(standing) }
}

function statusAsSeen(standing: Entry | null): Guard {
  return standing === null
    ? { key: STATUS, absent: true }
    : { key: STATUS, modRevision: standing.modRevision }
}

function foreignFields(standing: Entry | null): ExactObject {
  const value = standing === null ? null : parseExact(standing.text)
  if (!isObject(value)) return {}
  return Object.fromEntries(Object.entries(value).filter(([field]) => !OWN_FIELDS.includes(field)))
}
