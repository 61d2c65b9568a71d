// The leader's PostgreSQL hangs: its clients wait, and nothing ends by itself. A member that can take over does; the lease
// is released only when this server is known to be dead. With nobody to take over a hung primary is killed and started
// once: its sessions cannot be used anyway, and what was committed is in its WAL.

import type { Millis } from '../../../model/units.ts'
import { nobodyTakesOver } from '../../election/election.ts'
import { type ClusterFacts, seconds } from '../../facts.ts'
import { hungServer } from '../../hung-server.ts'
import { holdOnMs } from '../../lead/lease-rules.ts'
import {
  askWhoTakesOver,
  mayStop,
  stopAndYield,
  stopForAnother,
  whyNotStopped,
} from '../../lead/making-way.ts'
import { type Rule, rule } from '../../rule.ts'

/** A server that hangs again sooner was not cured by its restart. */
const RESTART_AGAIN_MS: Millis = 600_000
/** A shorter silence is not worth a warning. */
const SILENCE_MS: Millis = 5000

export const hungRules: readonly Rule<ClusterFacts>[] = [
  askWhoTakesOver({
    id: 'leader.hung-ask',
    why: 'a leader whose PostgreSQL answers nobody looks for a member that can take over',
    level: 'warning',
    ground: hungServer,
    tell: ({ why }) => why,
  }),
  stopForAnother({
    id: 'leader.hung-stop',
    why: 'a server that answers nobody is no primary: it is killed, and the lease is released when it is dead',
    level: 'error',
    ground: hungServer,
    choose: (_, { evidence: { why }, able }) => ({
      reason: `${why}; stopping it at once: ${able.join(', ')} can take over`,
      ...stopAndYield('at once', why),
    }),
  }),
  rule({
    id: 'leader.hung-restart',
    why: 'with nobody to take over, a new start may cure a server that answers nobody; a second one soon after would not',
    level: 'error',
    match: f => {
      const hung = mayStop(f) && mayRestart(f) ? hungServer(f) : null
      return hung?.isLasting === true && hung
    },
    choose: (f, { why }) => ({
      reason: `${why}, and ${nobodyTakesOver(f)}; stopping it at once and starting it again`,
      ...stopAndYield('at once', why, { hungRestartAtMs: f.snap.nowMs }),
    }),
  }),
]

/** A leader that can do nothing about its silent server. */
export const leaderSilent: Rule<ClusterFacts> = rule({
  id: 'leader.server-silent',
  why: 'a slow server is not a dead one; and one that hangs is better than none, if nobody can take over',
  match: f => {
    const { server: looked } = f.snap.postgres
    const hung = hungServer(f)
    if (hung !== null) return `${hung.why}; ${whyNotStopped(f)}`
    return !looked.known && `PostgreSQL has not answered for ${seconds(silentForMs(f))} (${looked.why})`
  },
  choose: (f, what) => ({
    level: silentForMs(f) >= SILENCE_MS || hungServer(f) !== null ? 'warning' : 'info',
    reason: `${what}; keeping the lease`,
    wakeInMs: holdOnMs(f),
  }),
})

function silentForMs({ memory, snap }: ClusterFacts): Millis {
  return memory.silentSinceMs === null ? 0 : snap.nowMs - memory.silentSinceMs
}

function mayRestart({ memory, snap }: ClusterFacts): boolean {
  const last = memory.hungRestartAtMs
  return last === null || snap.nowMs - last >= RESTART_AGAIN_MS
}
