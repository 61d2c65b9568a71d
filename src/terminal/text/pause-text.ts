// The output of `hactl pause` and `hactl resume`, and patronictl's in their place.

import type { PauseReport } from '../../admin/config/pause.ts'
import { done, failed, type Result } from '../../model/command/failure.ts'

export function pauseText({ cluster, paused, outcome, members }: PauseReport): string {
  const state = paused ? 'paused' : 'resumed'
  const count = `${members.length} ${members.length === 1 ? 'member' : 'members'}`
  switch (outcome) {
    case 'done':
      return `Cluster ${cluster} is ${state}; ${count} recognised it.\n`
    case 'already':
      return `Cluster ${cluster} is ${paused ? 'already paused' : 'not paused'}; nothing was changed.\n`
    case 'requested':
      return `Cluster ${cluster} is ${state}; whether its members know was not waited for.\n`
    case 'unfinished':
      return ''
    default:
      return outcome satisfies never
  }
}

/** patronictl's exit codes: "already so" is an error, a member that does not know yet is not. */
export function patronictlPause(
  result: Result<PauseReport>,
): readonly [Result<PauseReport>, (report: PauseReport) => string] {
  const { value } = result
  if (value === null) return [result, () => '']
  if (value.outcome === 'already') {
    const reason = value.paused ? 'Cluster is already paused' : 'Cluster is not paused'
    const hint = 'nothing was changed.'
    return [failed({ kind: 'refused', action: value.action, reason, hint }), () => '']
  }
  const isStored = result.ok || result.failure.kind === 'partly-done'
  if (!isStored) return [result, () => '']
  const missing = value.members.filter(({ outcome }) => outcome === 'unreachable' || outcome === 'timed-out')
  const names = missing.map(({ member }) => member).join(', ')
  const late = missing.length === 0 ? '' : `${names} members didn't recognized ${value.action} state\n`
  return [done(value), () => `${late}Success: cluster management is ${value.paused ? 'paused' : 'resumed'}\n`]
}
