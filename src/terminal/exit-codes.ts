// The one table of exit codes. Scripts may rely on it; docs/commands.md prints it.

import { isPatronictl } from './drop-in/drop-in.ts'

export const EXIT = {
  done: 0,
  bug: 1,
  usage: 2,
  refused: 3,
  notFound: 4,
  conflict: 5,
  timedOut: 6,
  partlyDone: 7,
  storeUnreachable: 8,
  memberUnreachable: 9,
  dataLoss: 10,
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export const EXIT_MEANINGS: readonly (readonly [ExitCode, string])[] = [
  [EXIT.done, 'done, or already so'],
  [EXIT.bug, 'a bug in hactl'],
  [EXIT.usage, 'wrong usage or configuration; nothing was done'],
  [EXIT.refused, 'refused; the reason is given, nothing was done'],
  [EXIT.notFound, 'no such cluster, member or key'],
  [EXIT.conflict, 'conflict with another operation or a concurrent change'],
  [EXIT.timedOut, 'timed out; the operation may still be running'],
  [EXIT.partlyDone, 'partly done; what is missing is said'],
  [EXIT.storeUnreachable, 'etcd cannot be reached'],
  [EXIT.memberUnreachable, 'a member that is needed cannot be reached'],
  [EXIT.dataLoss, 'would lose data; needs --accept-data-loss'],
  [EXIT.interrupted, 'interrupted (Ctrl-C)'],
]

/**
 * Called as patronictl, or with HACTL_EXIT_CODES=patronictl, hactl ends with patronictl's three codes: 0 success, 2 a
 * command line that its parser refuses, 1 everything else, including bad values.
 */
export function processExitCode(
  code: ExitCode,
  environment: Readonly<Record<string, string | undefined>>,
  isLine = false,
): number {
  if (!isPatronictl() && environment.HACTL_EXIT_CODES !== 'patronictl') return code
  if (code === EXIT.done) return code
  return code === EXIT.usage && isLine ? code : EXIT.bug
}
