// GET /metrics: names, order, types and values of the series (spec/interfaces.md 1.6).

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { revision } from '../../src/model/revision.ts'
import { unseen } from '../../src/model/seen.ts'
import { type Running, SETTINGS, startServer } from './node.ts'

let running: Running
beforeAll(async () => {
  running = await startServer()
})
afterAll(() => running.server.stop())

async function body(path: string): Promise<string> {
  const response = await fetch(running.base + path)
  return response.text()
}

describe('GET /metrics', () => {
  const ORDER = [
    'version postgres_running postmaster_start_time primary xlog_location standby_leader replica sync_standby quorum_standby',
    'xlog_received_location xlog_replayed_location xlog_replayed_timestamp xlog_paused postgres_streaming',
    'postgres_in_archive_recovery postgres_server_version cluster_unlocked failsafe_mode_is_active failsafe_mode_enabled',
    'failsafe_member postgres_timeline dcs_last_seen pending_restart is_paused postgres_state failover_priority',
    'hactl_problem',
    'hactl_unanswered_seconds_total',
    'hactl_disk_failing_seconds_total',
    'hactl_own_disk_failing_seconds_total',
    'hactl_agent_stalled_seconds_total',
  ]
  const names = ORDER.join(' ').split(' ')

  async function series(): Promise<readonly [name: string, value: string][]> {
    const lines = (await body('/metrics')).split('\n').filter(line => line !== '' && !line.startsWith('#'))
    return lines.map(line => {
      const match = /^(?:patroni_)?(\w+)\{scope="demo",name="pg1"\} (\S+)$/.exec(line)
      expect(match, line).not.toBeNull()
      return [match?.[1] ?? '', match?.[2] ?? '']
    })
  }

  it('a streaming replica: every series, in order, with its value', async () => {
    running.node.replica().set({ failoverPriority: 3 })
    running.node.failsafeView = { activeUntilMs: 0, members: { pg1: 'http://x/patroni' } }
    const found = await series()
    expect(found.map(([name]) => name)).toEqual(names)
    const values = Object.fromEntries(found)
    expect(values).toMatchObject({
      version: '040105',
      postgres_running: '1',
      postmaster_start_time: '1795346795.031618',
      primary: '0',
      replica: '1',
      xlog_location: '0',
      xlog_received_location: '67381760',
      xlog_replayed_timestamp: '1795346850.152364',
      postgres_streaming: '1',
      failsafe_member: '1',
      postgres_state: '5',
      failover_priority: '3',
      dcs_last_seen: '1795346862',
    })
  })

  it.each([
    ['off', '0', '0'],
    ['on', '1', '0'],
    ['quorum', '0', '1'],
  ] as const)('synchronous mode %s: what a standby in /sync is', async (synchronousMode, sync, quorum) => {
    const value = { leader: 'pg0', quorum: 0, standbys: ['pg1'] }
    running.node.replica().showCluster({ sync: { value, modRevision: revision(9) } })
    running.node.dynamic = { ...SETTINGS, synchronousMode }
    expect(Object.fromEntries(await series())).toMatchObject({ sync_standby: sync, quorum_standby: quorum })
    // A primary is neither, whatever the key says.
    running.node.primary()
    expect(Object.fromEntries(await series())).toMatchObject({ sync_standby: '0', quorum_standby: '0' })
    running.node.dynamic = SETTINGS
    running.node.showCluster({})
  })

  it('a name with quotes, backslashes or a line end cannot break the scrape', async () => {
    const odd = await startServer({ self: 'pg"x\\y\nz {ä}' })
    try {
      const response = await fetch(`${odd.base}/metrics`)
      const lines = (await response.text()).split('\n').filter(line => line !== '' && !line.startsWith('#'))
      expect(lines.length).toBeGreaterThan(20)
      for (const line of lines)
        expect(line).toMatch(/^(?:patroni|hactl)_\w+\{scope="demo",name="pg\\"x\\\\y\\nz \{ä\}"\} \S+$/)
    } finally {
      await odd.server.stop()
    }
  })

  it('types and the comment with the values', async () => {
    const text = await body('/metrics')
    const types = [...text.matchAll(/^# TYPE patroni_(\w+) (\w+)$/gm)].map(match => `${match[1]}:${match[2]}`)
    const counters = types.filter(type => type.endsWith(':counter'))
    expect(counters).toEqual([
      'xlog_location:counter',
      'xlog_received_location:counter',
      'xlog_replayed_location:counter',
    ])
    expect(text).toMatch(
      /^# HELP patroni_postgres_state .*\n# Values: 0=initdb, 1=initdb_failed, .*14=crashed\n# TYPE patroni_postgres_state gauge\n/m,
    )
  })

  it('two series vanish while PostgreSQL is down', async () => {
    running.node.set({
      state: 'stopped',
      server: unseen('it is down'),
      nofailover: true,
      failoverPriority: 0,
    })
    const found = await series()
    expect(found.map(([name]) => name)).toEqual(
      names.filter(name => !/^postgres_(streaming|in_archive)/.test(name)),
    )
    expect(Object.fromEntries(found)).toMatchObject({
      postgres_state: '12',
      postgres_running: '0',
      failover_priority: '0',
    })
    running.node.set({ state: 'running' })
    expect(Object.fromEntries(await series())).toMatchObject({ postgres_state: '-1' })
  })
})
