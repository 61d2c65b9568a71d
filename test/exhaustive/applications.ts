// What becomes of a configuration that is to be applied decides nothing else: a world with it, and the same one without.

import { decide } from '../../src/decide/decide.ts'
import type { Decision } from '../../src/model/decision/decision.ts'
import type { Snapshot } from '../../src/model/decision/snapshot.ts'
import type { ConfigurationView } from '../../src/model/settings/configuration-view.ts'
import { APPLIED } from '../applied.ts'
import { performAll } from './beat.ts'
import { NOW } from './frozen.ts'
import type { World } from './parts.ts'

const due = { ...APPLIED, wanted: 2, because: 'a reload' }
const failure = { wanted: 2, why: 'no space left on device', atMs: NOW - 1000 }

/** Nothing is to be begun now. */
const QUIET: readonly ConfigurationView[] = [
  { ...due, applyingSinceMs: NOW - 30_000 },
  { ...due, failure },
  { ...APPLIED, refusedFile: 'it is empty' },
]
const DUE: readonly ConfigurationView[] = [
  due,
  { ...due, failure: { ...failure, atMs: NOW - 60_000 } },
  { ...due, failure: { ...failure, wanted: 1 } },
]

/** `fired` learns the rules that were seen. */
export function disturbedByApplications(world: World, fired: Set<string>): readonly string[] {
  const plain = decide(world.snap, world.memory)
  const wrong: string[] = []
  for (const configuration of QUIET) {
    const decision = decide({ ...world.snap, configuration }, world.memory)
    if (told(decision) !== told(plain)) wrong.push(`a configuration decides: ${decision.rule}`)
  }
  for (const configuration of DUE) wrong.push(...delays(world, configuration, plain, fired))
  return wrong
}

/** It is begun once, before anything else but an answer, and then all goes on as without it. */
function delays(
  world: World,
  configuration: ConfigurationView,
  plain: Decision,
  fired: Set<string>,
): readonly string[] {
  const before: Snapshot = { ...world.snap, configuration }
  const first = decide(before, world.memory)
  fired.add(first.rule)
  if (!first.rule.startsWith('outdated.')) {
    const mayWait = world.snap.stopRequested || /^(asked|namesake)\./.test(first.rule)
    return mayWait && first.rule === plain.rule ? [] : [`not applied: ${first.rule}`]
  }
  const next = decide(performAll(first.actions, before, 'good'), first.memory)
  return next.rule === plain.rule ? [] : [`${plain.rule} became ${next.rule} after ${first.rule}`]
}

/** What a node says of itself in its key differs: that is what it says it for. */
function told({ rule, reason, actions, next, wakeInMs }: Decision): string {
  const shown = actions.map(action => (action.kind === 'publish-member' ? action.kind : action))
  return JSON.stringify({ rule, reason, shown, next, wakeInMs }, (_, value) =>
    typeof value === 'bigint' ? `${value}n` : value,
  )
}
