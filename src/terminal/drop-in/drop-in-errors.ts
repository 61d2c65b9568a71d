// patronictl's own sentences for what goes wrong, where scripts look for them. Everything else keeps hactl's words: an error may be
// better than patronictl's.

import type { Failure } from '../../model/command/failure.ts'

/** null: patronictl has no such error, or none that says as much. */
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
