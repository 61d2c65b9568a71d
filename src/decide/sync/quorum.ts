// Quorum mode (spec/ha.md 4.6): the order in which `/sync` and synchronous_standby_names change, so that after each single
// change, and so wherever the sequence breaks off, no commit that was acknowledged can be missing on who is elected.
//
// A commit is acknowledged by `count` of the standbys that PostgreSQL waits for, and by the primary itself. Who is elected was
// compared with `quorum` of the other voters. As long as
//
//   every voter and every synchronous standby, counted together with the leader, are at most quorum + count + 1,
//   and one of the two sets holds the other,
//
// any set of nodes that acknowledges a commit has a node in common with any set that elects a leader. What makes this
// stronger (a greater count, a greater quorum) comes first, what makes it weaker comes last. In the end voters, synchronous
// standbys and active standbys are the same, `count` is what is wanted or as many as there are, and `quorum` is the rest.

import type { MemberName } from '../../model/units.ts'
import { common, isSame, isWithin, type Names, union, without } from './names.ts'
import { type QuorumState, unsafe } from './quorum-state.ts'

export interface QuorumGoal {
  readonly me: MemberName
  /** Standbys that stream and may be chosen. */
  readonly active: Names
  /** Of those that PostgreSQL waits for: how many have caught up with the position at which it began to. */
  readonly confirmed: number
  /** synchronous_node_count, at least 1. */
  readonly wanted: number
}

export type QuorumStep =
  /** Compare-and-swap of `/sync`. */
  | {
      readonly kind: 'publish'
      readonly leader: MemberName
      readonly quorum: number
      readonly voters: Names
    }
  /** synchronous_standby_names = ANY count (standbys). */
  | { readonly kind: 'configure'; readonly count: number; readonly standbys: Names }
  /** Look again before going on: what is known of the standbys is too old for the next step. */
  | { readonly kind: 'look-again' }

interface QuorumPlan {
  readonly steps: readonly QuorumStep[]
  /** Why it ends before the goal; null: it does not. The next look plans anew. */
  readonly why: string | null
}

/** Thrown inside this file only. */
class DeadEnd extends Error {}

export function planQuorum(before: QuorumState, goal: QuorumGoal): QuorumPlan {
  const plan = new Plan(before, goal)
  try {
    plan.make()
    return { steps: plan.result(), why: null }
  } catch (error) {
    if (!(error instanceof DeadEnd)) throw error
    return { steps: plan.result(), why: error.message }
  }
}

class Plan {
  readonly #goal: QuorumGoal
  readonly #steps: QuorumStep[] = []
  #state: QuorumState
  #confirmed: number

  constructor(before: QuorumState, goal: QuorumGoal) {
    this.#goal = goal
    this.#state = { ...before, count: Math.min(before.count, before.standbys.length) }
    this.#confirmed = goal.confirmed
  }

  make(): void {
    if (!this.#takeOver()) return
    this.#countConfirmed()
    this.#bringTogether()
    this.#rebalance()
    this.#dropGone()
    this.#addNew()
    this.#changeCount()
  }

  /** Of neighbours of one kind the last is enough; nothing goes on beyond a new look. */
  result(): readonly QuorumStep[] {
    const last = this.#steps.filter((step, at) => this.#steps[at + 1]?.kind !== step.kind)
    const end = last.findIndex(step => step.kind === 'look-again')
    return end === -1 ? last : last.slice(0, end + 1)
  }

  get #weight(): number {
    return Math.min(this.#state.count, this.#confirmed)
  }

  // Q0: `/sync` names a former leader, which is a voter like any other from now on. false: its standbys have not come yet.
  #takeOver(): boolean {
    const { me, active } = this.#goal
    const { leader, quorum, voters, standbys } = this.#state
    if (leader === me) {
      if (unsafe(this.#state, me) !== null) this.#beginAnew()
      return true
    }
    const inherited = union(without(voters, [me]), [leader])
    try {
      if (standbys.length === 0) this.#configure(inherited.length - quorum, inherited)
      this.#publish(quorum, inherited, 'exact', me)
    } catch (error) {
      if (!(error instanceof DeadEnd)) throw error
      this.#beginAnew()
    }
    return common(this.#state.standbys, active).length > 0
  }

  /** By what PostgreSQL waits for now, of which one at least acknowledges. */
  #beginAnew(): void {
    const { standbys, count } = this.#state
    if (count === 0 && standbys.length > 0) this.#steps.push(this.#waitFor(1, standbys))
    this.#publish(standbys.length - this.#state.count, standbys, 'exact', this.#goal.me)
  }

  // Q1: after a restart or a failover nothing is confirmed yet, and what the former leader relied on holds.
  #countConfirmed(): void {
    const { standbys, voters, quorum } = this.#state
    const streaming = common(standbys, this.#goal.active).length
    if (this.#confirmed === 0 && streaming > 0)
      this.#confirmed = Math.max(0, Math.min(streaming, voters.length - quorum))
  }

  // Q2: a sequence broke off between the two sides; in the end voters and standbys are the same.
  #bringTogether(): void {
    if (isSame(this.#state.voters, this.#state.standbys)) return
    if (isWithin(this.#state.standbys, this.#state.voters)) this.#moreVoters()
    else if (isWithin(this.#state.voters, this.#state.standbys)) this.#moreStandbys()
    if (!isSame(this.#state.voters, this.#state.standbys))
      throw new DeadEnd('voters and synchronous standbys differ')
  }

  #moreVoters(): void {
    const { active } = this.#goal
    const gone = without(this.#state.voters, union(this.#state.standbys, active))
    if (gone.length > 0) {
      const { voters, standbys, count } = this.#state
      const adjust = isWithin(standbys, active) ? 'adjusted' : 'exact'
      this.#publish(voters.length - gone.length - count, without(voters, gone), adjust)
    }
    const added = without(common(this.#state.voters, active), this.#state.standbys)
    if (added.length > 0) this.#configure(this.#state.count, union(this.#state.standbys, added))
  }

  #moreStandbys(): void {
    const { active } = this.#goal
    const dead = without(this.#state.standbys, active)
    const alive = without(this.#state.standbys, dead)
    const mayDrop = this.#state.voters.length === 0 || common(alive, this.#state.voters).length > 0
    if (dead.length > 0 && alive.length > 0 && mayDrop)
      this.#configure(Math.min(this.#state.count, alive.length), alive)
    const added = common(without(this.#state.standbys, this.#state.voters), active)
    if (added.length > 0) {
      const voters = union(this.#state.voters, added)
      this.#publish(voters.length - this.#state.count, voters, 'adjusted')
    }
    const rest = without(this.#state.standbys, this.#state.voters)
    if (rest.length === 0) return
    const standbys = without(this.#state.standbys, rest)
    this.#configure(Math.min(this.#state.count, standbys.length), standbys)
  }

  // Q2c: one side guarantees more than is needed: what the other can do without.
  #rebalance(): void {
    const { wanted } = this.#goal
    const { quorum, voters, count, standbys } = this.#state
    const surplus = quorum + this.#weight - voters.length
    if (surplus > 0 && count > wanted) this.#configure(Math.max(wanted, voters.length - quorum), standbys)
    else if (surplus > 0) this.#publish(standbys.length - count, voters, 'adjusted')
    else if (count === wanted && quorum + count > voters.length && count > this.#confirmed)
      this.#publish(standbys.length - count, voters, 'adjusted')
  }

  // Q3: standbys that stream no more. Those whose loss the quorum can bear go first.
  #dropGone(): void {
    const { active, wanted } = this.#goal
    let gone = without(this.#state.standbys, active)
    if (gone.length === 0) return
    if (isSame(gone, this.#state.standbys)) {
      this.#publish(0, [], 'exact')
      this.#configure(0, [])
      return
    }
    const { quorum, standbys, voters, count } = this.#state
    if (quorum > 0) {
      const dropped = gone.toReversed().slice(0, quorum)
      const left = without(standbys, dropped)
      this.#configure(Math.min(wanted > count ? wanted : count, left.length), left)
      gone = common(gone, this.#state.standbys)
      const kept = without(voters, dropped)
      this.#publish(kept.length - this.#state.count, kept, gone.length === 0 ? 'adjusted' : 'exact')
    }
    if (gone.length > 0) this.#dropTheRest(gone)
  }

  #dropTheRest(gone: Names): void {
    const { voters, standbys, count } = this.#state
    const [keptVoters, left] = [without(voters, gone), without(standbys, gone)]
    const kept = count - gone.length
    const lacking = kept - Math.min(this.#goal.wanted, left.length)
    this.#publish(lacking === 0 ? 0 : Math.min(lacking, keptVoters.length - 1), keptVoters, 'exact')
    this.#configure(kept, left)
  }

  // Q4: standbys that stream now. Each that raises the count may acknowledge at once; the others only vote.
  #addNew(): void {
    const { active, wanted } = this.#goal
    let added = without(active, this.#state.standbys)
    if (added.length === 0) return
    const { standbys, count } = this.#state
    const goal = Math.min(wanted, union(standbys, added).length)
    const more = goal - count
    if (more > 0) {
      const some = standbys.length > 0 ? added.slice(0, more) : added
      const inc = standbys.length > 0 ? some.length : more
      this.#configure(count + inc, union(standbys, some))
      const voters = union(this.#state.voters, some)
      this.#publish(voters.length - goal, voters, 'adjusted')
      added = without(added, this.#state.standbys)
    }
    if (added.length === 0) return
    const voters = union(this.#state.voters, added)
    this.#publish(voters.length - goal, voters, goal > this.#confirmed ? 'adjusted' : 'exact')
    this.#configure(goal, union(this.#state.standbys, added))
  }

  // Q5: another number of standbys is wanted.
  #changeCount(): void {
    const { wanted } = this.#goal
    const { count, standbys, voters, quorum } = this.#state
    const change = Math.min(wanted, standbys.length) - count
    if (change > 0) {
      this.#configure(count + change, standbys)
      this.#publish(voters.length - this.#state.count, voters, 'adjusted')
    } else if (change < 0) {
      if (quorum - change < voters.length)
        this.#publish(voters.length - count - change, voters, wanted > this.#confirmed ? 'adjusted' : 'exact')
      this.#configure(count + change, standbys)
    }
  }

  /** `adjusted`: who has not caught up does not count as one that acknowledges, so that more are asked in an election. */
  #publish(asked: number, wantedVoters: Names, how: 'exact' | 'adjusted', leader?: MemberName): void {
    let [quorum, voters] = [asked, wantedVoters]
    if (quorum < 0 || (quorum > 0 && quorum >= voters.length))
      throw new DeadEnd(`quorum ${quorum} of ${voters.length} voters`)
    const { count, voters: before } = this.#state
    if (leader === undefined && this.#confirmed === 0 && before.length === 0) [quorum, voters] = [0, []]
    else if (leader === undefined && how === 'adjusted') quorum += Math.max(count - this.#confirmed, 0)
    const same = quorum === this.#state.quorum && isSame(voters, before)
    if (leader === undefined && same) {
      if (voters.length === 0) this.#steps.push({ kind: 'look-again' })
      return
    }
    this.#state = { ...this.#state, leader: leader ?? this.#state.leader, quorum, voters }
    this.#check()
    this.#steps.push({ kind: 'publish', leader: this.#state.leader, quorum, voters })
  }

  #configure(count: number, standbys: Names): void {
    if (count < 0 || count > standbys.length)
      throw new DeadEnd(`${count} of ${standbys.length} synchronous standbys`)
    const step = this.#waitFor(count, standbys)
    this.#check()
    this.#steps.push(step)
  }

  #waitFor(count: number, standbys: Names): QuorumStep {
    this.#state = { ...this.#state, count, standbys }
    return { kind: 'configure', count, standbys }
  }

  #check(): void {
    const why = unsafe(this.#state, this.#goal.me)
    if (why !== null) throw new DeadEnd(why)
  }
}
