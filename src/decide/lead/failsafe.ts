// Failsafe mode on the side of the primary (spec/ha.md 5.2): the store has not confirmed the lease, so the primary asks
// every other member, and goes on while all of them agree.
//
// Why no other node leads meanwhile. A node has to be in the `failsafe` key to race (election/failsafe-gate.ts), and all
// that are, or may be, have just promised not to. A majority would not do: those left out could elect one of them
// (8.W4). The chain must not break: a node that no longer leads does not ask, because another may have led since. Only an
// answer of the store that names another holder ends it at once.

import type { FailsafeMembers, FailsafeRefusal } from '../../model/cluster/failsafe.ts'
import { failsafeDueAtMs, renewalDueAtMs } from '../../model/timing.ts'
import type { MemberName } from '../../model/units.ts'
import { type Facts, mayLead, runsAsPrimary, server, storeName, tried } from '../facts.ts'
import { hungServer } from '../hung-server.ts'
import { type Rule, rule } from '../rule.ts'
import { slotPositions } from '../upkeep/status-key.ts'
import { heldMarginMs, nextMarginMs } from './fencing.ts'
import { hasTimeLeft, unanswered } from './lease-rules.ts'

/** The members whose word is needed, this node left out; null: failsafe mode is off or cannot be used. */
function membersNeeded({ snap, memory }: Facts): FailsafeMembers | null {
  const { members, sent } = memory.failsafe
  const { name } = snap.self
  const { failsafeMode, paused } = snap.settings
  if (!failsafeMode || paused || members === null || !Object.hasOwn(members, name)) return null
  const all = { ...sent?.members, ...members }
  return Object.fromEntries(Object.entries(all).filter(([other]) => other !== name))
}

/** The promises of the members keep this primary in office, with time for another question. */
export function goesOnByMembers(facts: Facts): boolean {
  const { lease, nowMs } = facts.snap
  return runsAsPrimary(facts) && lease.membersUntilMs > nowMs && hasTimeLeft(facts)
}

/** The store is away, has lost the lease, or answers nonsense: all the same, as long as it names no other holder. */
function isUnconfirmed(facts: Facts): boolean {
  const { snap, memory } = facts
  if (unanswered(facts)) return true
  const isBlind = !snap.cluster.known && memory.blindSinceMs !== null
  return isBlind && snap.nowMs >= renewalDueAtMs(snap.lease, snap.settings)
}

/** Again in the same beat, too, while there is time: two requests to the store that hang may take as long as the promises last. */
function isDue(facts: Facts): boolean {
  const { snap, memory } = facts
  const { asked } = memory.failsafe
  const isAgain = tried(snap, 'ask-failsafe')
  if (asked === null) return !isAgain
  if (isAgain && !hasTimeLeft(facts)) return false
  const { lease, settings, nowMs } = snap
  return nowMs >= failsafeDueAtMs(lease, settings, { ...asked, isRefused: asked.refusals.length > 0 })
}

function mayAsk(facts: Facts): boolean {
  const { snap } = facts
  const stops = snap.stopRequested || snap.work?.job.kind === 'stop' || snap.work?.cancelled === true
  // A server that serves nobody is no reason to keep the others from leading.
  if (stops || hungServer(facts)?.isLasting === true) return false
  return mayLead(snap) && runsAsPrimary(facts)
}

type Situation = 'leader' | 'blind' | 'busy' | 'race'

export function askMembers<F extends Facts>(situation: Situation): Rule<F> {
  return rule({
    id: `${situation}.ask-members`,
    why: 'in failsafe mode a healthy primary goes on without the store while every other member promises not to lead',
    match: f => mayAsk(f) && isUnconfirmed(f) && isDue(f) && membersNeeded(f),
    choose: (f, members) => ({
      reason: `${storeName(f.snap)} does not confirm the lease; failsafe mode: ${asking(members)}`,
      actions: [
        { kind: 'ask-failsafe', members, slots: ownSlots(f) },
        { kind: 'arm-fencer', marginMs: Math.max(heldMarginMs(f.snap), nextMarginMs(f.snap)) },
      ],
      next: 'again',
    }),
  })
}

function asking(members: FailsafeMembers): string {
  const names = Object.keys(members)
  return names.length === 0
    ? 'there is no other member'
    : `asking ${names.join(', ')} whether this node may go on`
}

function ownSlots({ snap }: Facts): ReturnType<typeof slotPositions> {
  const seen = server(snap)
  return seen === null ? {} : slotPositions(seen, snap.self.name)
}

/** Members that have just refused or not answered, while the store does not confirm the lease. */
export function refusals({ memory }: Facts): readonly FailsafeRefusal[] {
  return memory.failsafe.asked?.refusals ?? []
}

/** For the end of a decision's `reason`: why failsafe mode does not keep this primary in office. */
export function withoutMembers(facts: Facts): string {
  const { failsafeMode, paused } = facts.snap.settings
  if (!failsafeMode || paused || !runsAsPrimary(facts)) return ''
  if (hungServer(facts)?.isLasting === true) return '; failsafe mode does not help: PostgreSQL serves nobody'
  const refused = refusals(facts)
  if (refused.length > 0)
    return `; failsafe mode does not help: ${refused.map(({ name, why }) => `${name} does not agree (${why})`).join(', ')}`
  return membersNeeded(facts) === null
    ? '; failsafe mode does not help: this node has not seen its own name in the failsafe key'
    : ''
}

/** For a decision's `reason`: what lasts longest. */
export function proofOf({ lease }: Facts['snap']): string {
  return lease.membersUntilMs > lease.leaderUntilMs ? 'what the members have promised' : 'the lease'
}

/** For a decision's `reason`, beginning with Patroni's sentence. */
export function byMembers({ memory }: Facts): string {
  return `continue to run as a leader because failsafe mode is enabled and all members are accessible (${namesOf(memory.failsafe.asked?.asked ?? [])})`
}

function namesOf(names: readonly MemberName[]): string {
  return names.length === 0 ? 'there is no other' : names.join(', ')
}
