// patronictl's own sentences for failures, where scripts look for them. All other errors keep hactl's words, which may
// be better than patronictl's.

import type { Failure } from '../../model/command/failure.ts'

/** null: patronictl has no such error, or a less informative one. */
export function patronictlMessage(failure: Failure): string | null {
  switch (failure.kind) {
    case 'no-leader':
      return 'This cluster has no leader'
    case 'not-the-leader':
      return `Member ${failure.member} is not the leader of cluster ${failure.cluster}`
    case 'config-missing':
      return `The config key does not exist in the cluster ${failure.cluster}`
    case 'declined':
      return `Aborted ${failure.what}`
    default:
      return null
  }
}
