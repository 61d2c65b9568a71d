// Asks every other member whether this primary may go on without the store (spec/ha.md 5.2). If all agree, the leadership
// lasts as long as their promises; one that refuses or is silent is enough that nothing is proved.

import type { Consent } from '../model/cluster/failsafe.ts'
import type { Question } from '../model/decision/action.ts'
import type { Snapshot } from '../model/decision/snapshot.ts'
import { failsafeBudgetMs, promisesEndAtMs, termOf } from '../model/timing.ts'
import type { ActPorts, Performed } from './act-context.ts'
import { done, failed } from './outcomes.ts'

export async function askFailsafe(
  action: Question & { kind: 'ask-failsafe' },
  { self, settings }: Snapshot,
  { peers, guard, clock }: Pick<ActPorts, 'peers' | 'guard' | 'clock'>,
): Promise<Performed> {
  const { name, connUrl, apiUrl } = self
  const ping = { name, connUrl, apiUrl, slots: action.slots }
  const sentAtMs = clock.bootMs()
  const limitMs = failsafeBudgetMs(guard.view(), settings, sentAtMs)
  const answers = [...(await peers.askFailsafe(action.members, ping, limitMs))]
  const consent: Consent = {
    sentAtMs,
    endedAtMs: clock.bootMs(),
    asked: Object.keys(action.members),
    refusals: answers.flatMap(([member, answer]) =>
      answer.known ? [] : [{ name: member, why: answer.why }],
    ),
  }
  if (consent.refusals.length > 0) {
    const whys = consent.refusals.map(({ name: member, why }) => `${member}: ${why}`)
    return { outcome: failed(action, whys.join('; ')), consent }
  }
  const holdsMs = answers.map(([, answer]) => (answer.known ? answer.value.holdsMs : null))
  const untilMs = promisesEndAtMs(sentAtMs, termOf(guard.view(), settings), holdsMs)
  return guard.confirmedByMembers(untilMs)
    ? { outcome: done(action), consent }
    : { outcome: failed(action, 'all agree, but the leadership had ended before'), consent }
}
