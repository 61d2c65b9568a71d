// What becomes of an edit's timing in a mixed cluster: Patroni has least values of its own.

import type { JsonObject } from '../../model/cluster/cluster.ts'
import { notHonouredByPatroni } from '../../model/settings/timing-profile.ts'
import type { ConfigReport } from './show-config.ts'

/** null: no member runs Patroni, or it honours what changes. */
export function timingOfPatroni(before: ConfigReport, document: JsonObject): string | null {
  const { patroniMembers } = before
  const values = patroniMembers.length === 0 ? [] : notHonouredByPatroni(before.document, document)
  if (values.length === 0) return null
  const who = `${patroniMembers.join(', ')} ${patroniMembers.length === 1 ? 'runs' : 'run'} Patroni`
  return `${who}, which does not honour ${values.join(', ')}: an outage is as long as before while such a member leads`
}
