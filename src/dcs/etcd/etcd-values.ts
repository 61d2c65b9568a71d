// etcd's own numbers, which come as decimal text, as the port's values. The JSON gateway leaves out what is 0.

import { revision } from '../../model/revision.ts'
import type { LeaseId, Revision } from '../../model/units.ts'

/** Safe as a number for about 285 years at a million writes a second. */
export function revisionOf(text: string): Revision {
  return revision(Number(text))
}

export function leaseIdOf(text: string | undefined): LeaseId | null {
  return text === undefined || text === '' || text === '0' ? null : text
}
