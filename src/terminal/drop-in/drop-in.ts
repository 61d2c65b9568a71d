// The name by which the program was called. As `patronictl` (a link to hactl) it is the drop-in: everything that a
// script for patronictl reads (texts on stdout, exit codes, answers from a pipe) is patronictl's. bin/called-as.js sets
// the variable.

import { done, type Result } from '../../model/command/failure.ts'
import type { ClusterReport } from '../../model/command/report.ts'

export function isPatronictl(): boolean {
  return process.env.HACTL_CALLED_AS === 'patronictl'
}

/** As `patroni`: the agent, whose version scripts read. */
export function isPatroni(): boolean {
  return process.env.HACTL_CALLED_AS === 'patroni'
}

/** patronictl shows a cluster that is not there, or a key of it, as empty, and ends with 0. */
export function emptyIfMissing<T>(result: Result<T>, empty: T): Result<T> {
  const isMissing = !result.ok && ['cluster-not-found', 'config-missing'].includes(result.failure.kind)
  return isMissing && isPatronictl() ? done(empty) : result
}

/** Columns that only hactl has are left out: scripts cut the table into columns. */
export function inPatronictlsWords(report: ClusterReport): ClusterReport {
  return {
    ...report,
    pendingRequest: null,
    unreadableRequest: null,
    refusedMembers: 0,
    refusedKeys: [],
    leftOutMembers: 0,
    members: report.members.map(member => ({
      ...member,
      problem: null,
      problemId: null,
      warnings: [],
      answers: null,
      answerError: null,
    })),
  }
}
