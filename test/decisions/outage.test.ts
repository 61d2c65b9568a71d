// What is told of an outage from its beginning to its end: by the node that wins, by the others, by the one that lost.

import { expect, test } from 'vitest'
import { remember } from '../../src/decide/remember.ts'
import { reportOutage } from '../../src/decide/report/outage.ts'
import type { Memory } from '../../src/model/decision/memory.ts'
import type { Snapshot } from '../../src/model/decision/snapshot.ts'
import { revision } from '../../src/model/revision.ts'
import { build } from './notation/build.ts'
import { type Draft, newDraft } from './notation/draft.ts'
import { WALL_MS } from './notation/forms-world.ts'

/** A node that lives through several looks; what is told at each. */
function node(name: string, first: (draft: Draft) => void) {
  const told: string[] = []
  let memory: Memory | null = null
  const look = (
    atMs: number,
    change: (draft: Draft) => void,
    patch: (snap: Snapshot) => Snapshot = s => s,
  ) => {
    const draft = newDraft(name)
    draft.nowMs = 1_000_000 + atMs
    change(draft)
    const question = build(draft)
    const snap = patch(question.snap)
    const before = memory ?? question.memory
    const after = remember(before, snap)
    const { outage, takeover, news } = reportOutage(before, after, snap)
    memory = { ...after, outage, takeover }
    told.push(...news.map(({ id, level, text }) => `${level} ${id}: ${text}`))
  }
  look(0, first)
  return { look, told, takeover: () => memory?.takeover ?? null }
}

const led =
  (by: string) =>
  ({ etcd }: Draft) => {
    etcd.leader = { name: by, leaseId: `10${by.slice(2)}`, modRevision: revision(40) }
    etcd.lastLeader = by
  }
/** Its lease is over: neither leader key nor member key. */
const lost =
  (who: string) =>
  ({ etcd }: Draft) => {
    etcd.lastLeader = who
    etcd.members = etcd.members.filter(name => name !== who)
    etcd.optime = 0x3000200n
  }
const wins = ({ etcd, postgres, ...draft }: Draft, name: string) => {
  etcd.leader = { name, leaseId: `10${name.slice(2)}`, modRevision: revision(45) }
  etcd.lastLeader = name
  Object.assign(postgres, { role: 'primary', timeline: 2 })
  return draft
}
const replayedAt =
  (text: string) =>
  (snap: Snapshot): Snapshot => {
    const { postgres } = snap
    if (!postgres.server.known) return snap
    const value = { ...postgres.server.value, replayTimestamp: text }
    return { ...snap, postgres: { ...postgres, server: { ...postgres.server, value } } }
  }
const reports =
  (name: string, problem: string | null) =>
  (snap: Snapshot): Snapshot => {
    if (!snap.cluster.known || problem === null) return snap
    const members = snap.cluster.value.members.map(member =>
      member.name === name
        ? {
            ...member,
            record: { ...member.record, extra: { hactl: { problem: 'text', problem_id: problem } } },
          }
        : member,
    )
    return { ...snap, cluster: { ...snap.cluster, value: { ...snap.cluster.value, members } } }
  }
const stamp = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', '123+00')

test('the winner says for how long, who lost, and what is missing', () => {
  const { look, told, takeover } = node('pg2', led('pg1'))
  look(30_000, lost('pg1'), replayedAt(stamp(WALL_MS - 22_000)))
  look(31_000, draft => {
    wins(draft, 'pg2')
    draft.leaderLeftMs = 25_000
  })
  expect(told).toEqual([
    'warning outage.begins: nobody leads: the lease of pg1 ended',
    'warning outage.over: pg2 leads after pg1: no transaction for 22.0 s; nobody led for 1.0 s; 184 bytes of what pg1 last published (0/3000200) are missing here',
  ])
  // For the history, until it stands there or somebody else leads.
  expect(takeover()).toMatchObject({
    cause: 'lease-ended',
    by: null,
    from: 'pg1',
    leaderlessMs: 1000,
    lostBytes: 184n,
  })
  look(60_000, led('pg3'))
  expect(takeover()).toBe(null)
})

test('what an operator asked for is the cause, where somebody has begun it; a request that only waits is not', () => {
  const cause = (begunBy: string | null, kind: 'switchover' | 'failover', candidate: string) => {
    const { look, takeover } = node('pg2', led('pg1'))
    const asked = (draft: Draft): void => {
      draft.etcd.request = {
        leader: kind === 'switchover' ? 'pg1' : null,
        candidate,
        at: null,
        begunBy,
        untilMs: 5e12,
      }
    }
    look(30_000, draft => {
      asked(draft)
      draft.etcd.lastLeader = 'gave up'
    })
    // The request is taken away before the promotion.
    look(30_800, draft => {
      wins(draft, 'pg2')
      draft.leaderLeftMs = 25_000
    })
    return takeover()?.cause
  }
  expect(cause('pg1', 'switchover', 'pg2')).toBe('switchover')
  expect(cause(null, 'switchover', 'pg2')).toBe('given-up')
  expect(cause(null, 'failover', 'pg2')).toBe('failover')
  expect(cause(null, 'failover', 'pg3')).toBe('given-up')
})

test('where nobody had written for long, the lease says how long nobody could', () => {
  const { look, told } = node('pg2', led('pg1'))
  look(30_000, lost('pg1'), replayedAt(stamp(WALL_MS - 3_600_000)))
  look(31_000, draft => {
    wins(draft, 'pg2')
    draft.leaderLeftMs = 25_000
    draft.etcd.optime = null
  })
  expect(told.at(-1)).toBe(
    'warning outage.over: pg2 leads after pg1: not renewed for 30.0 s, its lease ended; nobody led for 1.0 s; 184 bytes of what pg1 last published (0/3000200) are missing here',
  )
})

test('the others say it in short', () => {
  const { look, told } = node('pg3', led('pg1'))
  look(30_000, lost('pg1'))
  look(31_500, led('pg2'))
  expect(told).toEqual([
    'warning outage.begins: nobody leads: the lease of pg1 ended',
    'warning outage.over: pg2 leads after pg1; nobody led for 1.5 s',
  ])
})

test('a lead that was handed over is business as usual', () => {
  const { look, told } = node('pg3', led('pg1'))
  look(30_000, ({ etcd }) => {
    etcd.lastLeader = 'gave up'
  })
  look(30_200, led('pg2'))
  expect(told).toEqual(['info outage.over: pg2 leads after pg1; nobody led for 0.2 s'])
})

const leads = (draft: Draft): void => {
  led('pg1')(draft)
  draft.postgres.role = 'primary'
  draft.leaderLeftMs = 25_000
}

test('a leader whose PostgreSQL crashed and came back', () => {
  const { look, told } = node('pg1', leads)
  look(1000, draft => {
    leads(draft)
    Object.assign(draft.postgres, { process: 'stopped', serverUnknown: 'PostgreSQL is not running' })
  })
  look(2500, leads)
  expect(told).toEqual([
    'warning outage.over: pg1 accepts writes again, after 1.5 s; it is the leader as before',
  ])
})

test('a leader that was restarted because somebody asked for it is business as usual', () => {
  const { look, told } = node('pg1', leads)
  look(1000, draft => {
    leads(draft)
    Object.assign(draft.postgres, { process: 'stopped', serverUnknown: 'PostgreSQL is not running' })
    const job = { kind: 'restart', as: 'primary', upstream: null, timeoutMs: 60_000 } as const
    draft.work = { job, startedAtMs: draft.nowMs - 500, progress: null, cancelled: false }
  })
  look(2500, leads)
  expect(told).toEqual([
    'info outage.over: pg1 accepts writes again, after 1.5 s; it is the leader as before',
  ])
})

test('a leader that was frozen, and is not the leader any more', () => {
  const { look, told } = node('pg1', leads)
  look(
    60_000,
    draft => {
      led('pg2')(draft)
      Object.assign(draft.postgres, { process: 'stopped', serverUnknown: 'PostgreSQL is not running' })
    },
    snap => ({ ...snap, lease: { ...snap.lease, leaderUntilMs: snap.nowMs - 35_000 } }),
  )
  look(60_100, led('pg2'))
  expect(told).toEqual(['warning outage.over: pg2 leads, 35.1 s after this node stopped leading'])
})

test('etcd and PostgreSQL that are back are told, moments are not', () => {
  const { look, told } = node('pg2', led('pg1'))
  const blind = (draft: Draft): void => {
    draft.etcd.unknown = 'no quorum'
    draft.outcomes = [{ action: 'read-cluster', kind: 'unreachable', why: 'no quorum' }]
  }
  const silent = (draft: Draft): void => {
    led('pg1')(draft)
    Object.assign(draft.postgres, { readiness: 'unknown', serverUnknown: 'no answer' })
  }
  look(1000, blind)
  look(1500, led('pg1'))
  look(2000, silent)
  look(4000, led('pg1'))
  expect(told).toEqual([])
  look(10_000, blind)
  look(20_000, led('pg1'))
  look(30_000, silent)
  look(95_000, led('pg1'))
  expect(told).toEqual([
    'warning etcd.answers: etcd is reachable again, after 10.0 s',
    'warning postgres.answers: PostgreSQL answers again, after 65.0 s',
  ])
})

test('a cluster that is being made, or an agent that has just started, has lost nobody', () => {
  const { look, told } = node('pg2', ({ etcd }) => {
    etcd.lastLeader = null
  })
  look(1000, led('pg1'))
  expect(told).toEqual([])
})

test('a server that hung before its leader gave the lease up is the cause, not the good order', () => {
  const cause = (problem: string | null) => {
    const { look, takeover } = node('pg2', led('pg1'))
    look(20_000, led('pg1'), reports('pg1', problem))
    look(30_000, draft => {
      draft.etcd.lastLeader = 'gave up'
    })
    look(30_800, draft => {
      wins(draft, 'pg2')
      draft.leaderLeftMs = 25_000
    })
    return takeover()?.cause
  }
  expect(cause('no-answer')).toBe('unusable')
  expect(cause('disk')).toBe('unusable')
  expect(cause('synchronous')).toBe('given-up')
  expect(cause(null)).toBe('given-up')
})
