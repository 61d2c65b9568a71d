// What must hold at every instant of a run: the promises of ARCHITECTURE.md. Each check sees the world as it is, not as
// the programs see it.

import type { DecisionEntry } from '../../../src/agent/beat.ts'
import { stateViolations } from '../../../src/decide/state-invariants.ts'
import { isExpired } from '../../../src/model/cluster/request.ts'
import { STATUS } from '../../../src/wire/keys.ts'
import { type Machine, REARMING_MS } from '../machine/machine.ts'
import type { Postmaster } from '../machine/postmaster.ts'
import { type Branch, beginningOf, isPartOf, lsnOf, type WalEnd } from '../machine/wal.ts'
import { absoluteKey } from '../store/store.ts'
import type { World } from '../world.ts'
import { isForgotten, saysGuarded } from './guard-check.ts'
import { beginsGivenUp, touchesForeignName, whoHasEverything } from './request-checks.ts'
import { type Acknowledged, lostInSyncMode, notSynchronous } from './sync-check.ts'

/** One server's time as primary: from its promotion, or start, to its end. */
interface Reign {
  readonly key: string
  readonly node: string
  readonly timeline: number
}

interface PlannedHandover {
  readonly from: string
  readonly to: string
  readonly atMs: number
}

/**
 * After maintenance mode a primary that nothing guards asks its peers and then for the lease, and each may stay without answer.
 * Meanwhile the note that nothing guards it keeps the others from leading.
 */
const RESUMING_MS = REARMING_MS + 2000 + 2500

export class Checks {
  readonly violations: string[] = []
  acknowledged: Acknowledged[] = []
  lost = 0
  promotions = 0
  /** Between two acknowledged writes. */
  longestGapMs = 0
  /** Requests of commands, and those that were withdrawn before anybody began them. */
  requests = 0
  readonly givenUp = new Set<string>()
  /** What another program wrote into `status` last; null: nothing. */
  currentSite: string | null = null
  #lastAtMs: number | null = null
  readonly #world: World
  readonly #ended = new Set<string>()
  #reign: Reign | null = null
  #handover: PlannedHandover | null = null
  #clusterExists: boolean = false
  readonly #recorded = new Map<number, Branch>()
  /** Who took the lease last because an operator wanted it, whatever it has. */
  readonly #forced = new Set<string>()
  /** Names of those whose agents have a pause in force, and when it ended for the others. */
  readonly #inPause = new Set<string>()
  readonly #pauseEndedAtMs = new Map<string, number>()

  constructor(world: World) {
    this.#world = world
  }

  violated(what: string): void {
    const text = `${(this.#world.nowMs / 1000).toFixed(3)} s: ${what}`
    this.#world.trace('CHECK', what)
    if (this.violations.length < 20) this.violations.push(text)
  }

  bug(machine: Machine, why: string): void {
    this.violated(`${machine.name} threw: ${why}`)
  }

  /** A write was committed here, and the client knows it. */
  acknowledge(server: Postmaster, end: WalEnd): void {
    const { name } = server.machine
    if (this.#lastAtMs !== null)
      this.longestGapMs = Math.max(this.longestGapMs, this.#world.nowMs - this.#lastAtMs)
    this.#lastAtMs = this.#world.nowMs
    this.#oneWriter(server, end)
    this.#isFenced(server.machine)
    this.acknowledged.push({
      branch: end.branch,
      count: end.count,
      atMs: this.#world.nowMs,
      node: name,
      isKept: this.#world.syncState()?.leader === name,
    })
  }

  /** Two nodes never acknowledge in turns: once somebody new has begun, whoever was before is over. */
  #oneWriter(server: Postmaster, { branch }: WalEnd): void {
    const { name } = server.machine
    const key = `${name} ${server.identity.pid} ${branch.id}`
    if (this.#reign?.key === key) return
    const before = this.#reign
    const timeline = server.data.timeline
    if (this.#ended.has(key)) {
      this.violated(
        `two writers: ${name} acknowledges on timeline ${timeline} after ${before?.node} did on ${before?.timeline}`,
      )
      return
    }
    if (before !== null) {
      this.#ended.add(before.key)
      // Of a leader that died at its promotion nobody knows the number.
      if (timeline < before.timeline && before.timeline <= this.#world.recordedTimeline())
        this.violated(
          `${name} writes on timeline ${timeline} after ${before.node} wrote on ${before.timeline}`,
        )
    }
    this.#reign = { key, node: name, timeline }
    this.#world.trace(name, `accepts writes on timeline ${timeline}`)
    // Whoever writes on, on whatever timeline, ends what was planned before.
    this.#handover = null
  }

  #isFenced(machine: Machine): void {
    const holder = this.#world.leaderKey()
    this.#clusterExists ||= holder !== null
    const armed = machine.isGuarded
    // The agent has this long to arm another one (leader.unfenced-demote), however often a fault takes it away.
    const sinceKillMs = this.#world.nowMs - machine.fencerKilledAtMs
    if (!armed && sinceKillMs > REARMING_MS && saysGuarded(this.#world.etcd, machine.name))
      this.violated(`${machine.name} accepts writes without a fencer, and etcd says that it has one`)
    if (!this.#clusterExists || this.#world.nowMs - this.#pausedUntil(machine) < RESUMING_MS) return
    const looksAfterIt = !isForgotten(this.#world.etcd, machine)
    if (!armed && looksAfterIt && holder !== machine.name && sinceKillMs > REARMING_MS)
      this.violated(
        `${machine.name} accepts writes without a fencer and without the lease (${holder ?? 'nobody'} holds it)`,
      )
  }

  /** A pause is over for a node when its agent has heard of that. */
  #pausedUntil({ name }: Machine): number {
    if (this.#world.paused || this.#inPause.has(name)) return this.#world.nowMs
    return this.#pauseEndedAtMs.get(name) ?? Number.NEGATIVE_INFINITY
  }

  #notePause({ name }: Machine, { settings, settingsConfirmed }: DecisionEntry['snapshot']): void {
    if (settings.paused) this.#inPause.add(name)
    // What a new agent found on its own disk says nothing of a pause.
    else if (settingsConfirmed && this.#inPause.delete(name))
      this.#pauseEndedAtMs.set(name, this.#world.nowMs)
  }

  /** The leader has written into etcd where its timeline began: of all of that number it is the cluster's. */
  recorded(leader: Machine | null): void {
    const branch = leader?.data?.end.branch
    if (branch !== undefined) this.#recorded.set(branch.timeline, beginningOf(branch))
  }

  #isTwin({ branch }: WalEnd): boolean {
    const recorded = this.#recorded.get(branch.timeline)
    return recorded !== undefined && recorded !== beginningOf(branch)
  }

  /** `before` is where the new timeline began. */
  promoted(server: Postmaster, before: WalEnd): void {
    const { name } = server.machine
    this.promotions++
    const recorded = this.#world.recordedTimeline()
    if (server.data.timeline <= recorded)
      this.violated(`${name} was promoted to timeline ${server.data.timeline}, the cluster is on ${recorded}`)
    const kept = this.acknowledged.filter(write => isPartOf(write, server.data.end))
    const gone = this.acknowledged.length - kept.length
    const broken = this.#forced.has(name) ? null : lostInSyncMode(this.#world, this.acknowledged, server)
    if (broken !== null) this.violated(broken)
    this.acknowledged = kept
    this.lost += gone
    if (gone > 0) this.#world.trace(name, `${gone} acknowledged writes are not here`)
    if (gone > 0 && this.#handover !== null && !this.#forced.has(name))
      this.#lostByPlan(name, gone, this.#handover)
    if (this.#isTwin(before) && !this.#forced.has(name))
      this.violated(
        `${name} was promoted from a timeline ${before.branch.timeline} that is not the cluster's`,
      )
    this.#withinLag(server, before)
    this.#handover = null
  }

  #lostByPlan(name: string, gone: number, handover: PlannedHandover): void {
    const { world } = { world: this.#world }
    const chosen = world.machine(handover.to)
    const able =
      chosen !== null &&
      chosen.server?.acceptsConnections === true &&
      chosen.agent?.process.runs === true &&
      world.network.connects(handover.to, name) &&
      world.network.connects(handover.to, 'etcd')
    if (name === handover.to || able)
      this.violated(
        `a planned handover from ${handover.from} to ${handover.to} lost ${gone} acknowledged writes: ${name} was promoted`,
      )
  }

  /** No more is given up than the operator allowed, as far as the leader had told (an operator's own choice aside). */
  #withinLag(server: Postmaster, before: WalEnd): void {
    const { status, maximumLag } = this.#world.atElection
    if (status === null || maximumLag === null || this.#forced.has(server.machine.name)) return
    const behind = status - lsnOf(before)
    if (behind > maximumLag)
      this.violated(
        `${server.machine.name} was promoted ${behind} bytes behind the leader, allowed are ${maximumLag}`,
      )
  }

  /** PostgreSQL would go on with WAL that does not continue its own. */
  corrupted(server: Postmaster, source: WalEnd): void {
    this.violated(
      `silent divergence: ${server.machine.name} at ${server.data.timeline}/${server.data.lsn} takes WAL of timeline ${source.branch.timeline} that does not continue its own`,
    )
    server.kill()
  }

  removed(machine: Machine): void {
    if (this.#world.leaderKey() === machine.name)
      this.violated(`${machine.name} removes its data directory while it holds the leader key`)
    // Before the cluster exists there is nothing to lose: a failed bootstrap is set aside.
    if (!this.#clusterExists) return
    const others = this.#world.machines.filter(other => other !== machine && other.data?.usable === true)
    if (machine.data?.usable === true && others.length === 0 && machine.data.state !== 'shut down')
      this.violated(`${machine.name} removes the last usable copy of the data`)
  }

  decided(machine: Machine, { decision, snapshot }: DecisionEntry): void {
    if (/^(busy\.handover-|handover\.)release-lease$/.test(decision.rule)) {
      const to = whoHasEverything(decision, snapshot)
      if (to === null) this.violated(`${machine.name} hands over, and nobody has said to have everything`)
      else this.#handover = { from: machine.name, to, atMs: this.#world.nowMs }
    }
    this.#notePause(machine, snapshot)
    if (decision.rule === 'handover.take-back') this.#handover = null
    if (decision.rule === 'race.acquire-lease') {
      const request = snapshot.cluster.known ? snapshot.cluster.value.failover?.value : undefined
      // A manual failover: what its target does not have the operator has given up.
      const forced = request?.leader === null && request.candidate === machine.name
      if (forced && !isExpired(request, snapshot.wallMs)) this.#forced.add(machine.name)
      else this.#forced.delete(machine.name)
    }
    for (const wrong of stateViolations(snapshot, decision.memory)) this.violated(`${machine.name} ${wrong}`)
    for (const wrong of [
      touchesForeignName(machine.name, decision, snapshot),
      beginsGivenUp(this.givenUp, machine.name, decision, snapshot),
    ])
      if (wrong !== null) this.violated(`${machine.name} ${wrong}`)
    const why = snapshot.finished?.why ?? ''
    if (why.startsWith('bug:')) this.bug(machine, why)
  }

  /** Why the cluster is not whole yet; null: it is. */
  obstacle(): string | null {
    const { machines } = this.#world
    const leader = this.#world.leaderKey()
    if (leader === null) return 'nobody holds the leader key'
    const primary = machines.find(machine => machine.name === leader)?.server ?? null
    if (primary === null) return `the leader ${leader} has no server`
    if (!primary.acceptsWrites) return `the leader ${leader} does not accept writes (${primary.phase})`
    for (const machine of machines) {
      if (machine.name === leader) continue
      const { server, data } = machine
      // It was created and not announced before somebody else did: an operator has to look whose data this is.
      if (data?.usable === true && data.systemIdentifier !== this.#world.clusterIdentifier) continue
      if (server === null) return `${machine.name} has no server`
      if (!server.inRecovery) return `${machine.name} is no standby`
      const { receiver } = server
      if (receiver?.source !== primary)
        return `${machine.name} does not stream from ${leader}: ${receiver?.problem}`
      if (server.data.timeline !== primary.data.timeline)
        return `${machine.name} is on timeline ${server.data.timeline}`
    }
    return notSynchronous(this.#world, leader)
  }

  /** Nobody but its writer changes or drops a field that is not hactl's. */
  foreignStatusStays(): void {
    if (this.currentSite === null) return
    const text = this.#world.etcd.get(absoluteKey(STATUS))?.text ?? '{}'
    const { current_site: site } = JSON.parse(text) as { readonly current_site?: string }
    if (site !== this.currentSite)
      this.violated(
        `status lost another program's current_site ${this.currentSite}: it has ${site ?? 'none'}`,
      )
  }

  /** At the end: every acknowledged write is with the leader, or was lost at a promotion that was counted. */
  atEnd(): void {
    this.foreignStatusStays()
    const leader = this.#world.machine(this.#world.leaderKey() ?? '')
    // What its server works on: another directory may have been put in the place of that one.
    const end = (leader?.server ?? leader)?.data?.end
    if (end === undefined) return
    const missing = this.acknowledged.filter(write => !isPartOf(write, end))
    if (missing.length > 0)
      this.violated(
        `${missing.length} acknowledged writes have vanished without a promotion, the first of ${missing[0]?.node}`,
      )
  }
}
