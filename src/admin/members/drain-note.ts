// The note of a drain in etcd: why it could not be written, and whether its member knows of it.

import type { ClusterView, Member } from '../../model/cluster/cluster.ts'
import { hactlPart } from '../../model/cluster/hactl-part.ts'
import type { Failure } from '../../model/command/failure.ts'
import type { MemberName, Millis } from '../../model/units.ts'
import type { WriteOutcome } from '../../ports/store.ts'
import { signOfLife } from '../look/sign-of-life.ts'
import type { Deadline, Operator } from '../use-case.ts'

const LOOK_EVERY_MS: Millis = 200
const LOOK_BUDGET_MS: Millis = 2000
const ANSWER_MS: Millis = 1000
/** A look gets this long even after the deadline, or it would report as missing what it had no time to see. */
const LAST_LOOK_MS: Millis = 1000
/** The key wakes the agent: if its member has not confirmed after this time, the agent may be dead, and is asked. */
const PATIENCE_MS: Millis = 5000

export function writeFailure(
  outcome: Exclude<WriteOutcome, { kind: 'done' }>,
  cluster: string,
  member: MemberName,
): Failure {
  if (outcome.kind === 'refused') {
    const what = `${member} was drained or undrained by somebody else meanwhile: ${outcome.why}`
    return { kind: 'conflict', what, hint: `see hactl list ${cluster}, then try again.` }
  }
  const what = 'it may have been noted all the same'
  const mayBeDone = outcome.mayBeWritten === true ? { what, look: `hactl list ${cluster}` } : null
  return { kind: 'store-unreachable', why: outcome.why, mayBeDone }
}

interface Noted {
  readonly cluster: string
  readonly member: MemberName
  readonly drained: boolean
  /** The cluster before the note changed; null: the note did not have to change. */
  readonly before: ClusterView | null
  readonly interrupted?: AbortSignal
}

/** null: the member confirms what is noted, that it is drained or that it is not. */
export async function drainNoted(
  operator: Operator,
  { cluster, member, drained, before, interrupted }: Noted,
  deadline: Deadline,
): Promise<Failure | null> {
  const startMs = operator.clock.bootMs()
  const old = before?.members.find(({ name }) => name === member)
  // A key that said so before the note changed proves nothing: a dead or frozen agent has taken nothing over.
  const mustAnswer = old !== undefined && saysDrained(old) === drained
  let why = 'it has not said so yet'
  let found: Member | undefined
  let isKnown = false
  for (;;) {
    const budgetMs = Math.max(LAST_LOOK_MS, Math.min(LOOK_BUDGET_MS, deadline.leftMs()))
    const read = await operator.store.read(cluster, budgetMs)
    if (read.known) found = read.value.members.find(({ name }) => name === member)
    isKnown ||= read.known
    const isTaken = found !== undefined && saysDrained(found) === drained
    if (isTaken && (!mustAnswer || (await silenceOf(operator, found)) === null)) return null
    if (interrupted?.aborted === true) {
      const what = `${notedText(member, drained)} all the same; ${member} has not taken it over yet`
      const action = drained ? 'drain' : 'undrain'
      return { kind: 'interrupted', action, request: { kind: 'stored', what } }
    }
    if (operator.clock.bootMs() - startMs >= PATIENCE_MS || deadline.leftMs() === 0) {
      const silence = isKnown ? await silenceOf(operator, found) : null
      if (silence !== null) {
        why = silence
        break
      }
    }
    if (deadline.leftMs() === 0) break
    await operator.clock.sleep(Math.min(LOOK_EVERY_MS, deadline.leftMs()))
  }
  return {
    kind: 'partly-done',
    done: notedText(member, drained),
    missing: `${member} has not taken it over: ${why}`,
    hint: `its agent reads the note when it is back; see hactl list ${cluster}.`,
  }
}

export function notedText(member: MemberName, drained: boolean): string {
  return `it is noted in etcd that ${member} is ${drained ? 'drained' : 'no longer drained'}`
}

async function silenceOf(operator: Operator, member: Member | undefined): Promise<string | null> {
  if (member === undefined) return 'its member key is gone: its agent does not run'
  const why = await signOfLife(operator, member, ANSWER_MS)
  return why === null ? null : `its agent does not answer: ${why}`
}

function saysDrained({ record }: Member): boolean {
  return hactlPart(record).drained === true
}
