// The three questions of `hactl remove`, in patronictl's words, or the options that answer them.

import type { RemovalSurvey } from '../../admin/remove.ts'
import { removalObjection } from '../../admin/remove.ts'
import { done, failed, type Result } from '../../model/command/failure.ts'
import type { MemberName } from '../../model/units.ts'
import { isPatronictl } from '../drop-in/drop-in.ts'
import { askLine } from './line-questions.ts'
import { askText, canAsk } from './questions.ts'

interface Answers {
  readonly confirm?: string | undefined
  readonly leader?: string | undefined
}

const AWARE = 'Yes I am aware'

/** Returns the leader that was named; null: nobody was. */
export async function confirmRemoval(
  survey: RemovalSurvey,
  { confirm, leader }: Answers,
): Promise<Result<{ readonly leader: MemberName | null }>> {
  const { cluster } = survey
  if (confirm !== undefined) {
    if (confirm !== cluster) return wrong(`--confirm names ${confirm}, not ${cluster}`)
    return done({ leader: leader ?? null })
  }
  // Without a leader there is no name to confirm, so no answer would help.
  const hopeless = survey.leader === null ? removalObjection(survey, null) : null
  if (hopeless !== null) return failed(hopeless)
  const named = 'Please confirm the cluster name to remove'
  if (!canAsk()) {
    const flags = `--confirm ${cluster}${survey.leader === null ? '' : ' --leader NAME'}`
    return failed({ kind: 'not-a-terminal', question: named, flags })
  }
  const name = await askWord(named)
  if (!name.ok) return failed(name.failure)
  if (name.value !== cluster)
    return wrong('the cluster names do not match', 'Cluster names specified do not match')
  const aware = await askWord(
    `You are about to remove all information in DCS for ${cluster}, please type: "${AWARE}"`,
  )
  if (!aware.ok) return failed(aware.failure)
  if (aware.value !== AWARE)
    return wrong(`that is not exactly "${AWARE}"`, `You did not exactly type "${AWARE}"`)
  if (survey.leader === null || leader !== undefined) return done({ leader: leader ?? null })
  const leads = await askWord('This cluster currently is healthy. Please specify the leader name to continue')
  if (!leads.ok) return failed(leads.failure)
  return done({ leader: leads.value })
}

/** patronictl asks again until something is typed. */
function askWord(question: string): Promise<Result<string>> {
  return isPatronictl() ? askLine(question, null) : askText(question, '')
}

function wrong<T>(message: string, patronictls?: string): Result<T> {
  if (isPatronictl() && patronictls !== undefined) return failed({ kind: 'patronictl', message: patronictls })
  return failed({ kind: 'usage', message, hint: 'nothing was removed.' })
}
