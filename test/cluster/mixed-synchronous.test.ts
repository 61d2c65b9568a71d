// Synchronous and quorum mode in a cluster of nodes under hactl and under Patroni, both ways: whoever leads keeps `/sync`, the
// other program's tool shows it, and whoever takes over has every acknowledged row.

import { afterEach, beforeAll, expect, test } from 'vitest'
import { superuserPassword } from './harness/member.ts'
import { type MixedCluster, type Program, setLiveCluster } from './harness/mixed.ts'
import { processesOn, signalHost } from './harness/network.ts'
import { fetchPatroni } from './harness/patroni.ts'
import { etcdctl } from './harness/servers.ts'
import { until } from './harness/until.ts'
import { createTable, lostRows, startWriter } from './harness/writer.ts'

let cluster: MixedCluster | undefined

// On a new machine it is downloaded first.
beforeAll(() => fetchPatroni(), 600_000)

afterEach(async () => {
  await cluster?.stage.close()
  cluster = undefined
})

const ROLES = { on: 'Sync Standby', quorum: 'Quorum Standby' } as const

interface SyncKey {
  readonly leader: string
  readonly quorum: number
  readonly sync_standby: string | null
}

async function syncKey({ client, etcd }: MixedCluster): Promise<SyncKey> {
  return JSON.parse(await etcdctl(client, ['get', '--print-value-only', '/service/test/sync'], etcd))
}

/** Both tools show these members as synchronous, and so says the key. */
async function synchronous(
  mixed: MixedCluster,
  mode: 'on' | 'quorum',
  leader: string,
  count: number,
): Promise<readonly string[]> {
  const look = async () => {
    const [ours, theirs] = await Promise.all(
      (['hactl', 'patronictl'] as const).map(async tool =>
        (await mixed.list(tool)).filter(({ Role }) => Role === ROLES[mode]).map(({ Member }) => Member),
      ),
    )
    const key = await syncKey(mixed)
    const inKey = key.sync_standby?.split(',') ?? []
    const same = JSON.stringify(ours) === JSON.stringify(theirs) && ours?.join() === inKey.join()
    if (same && inKey.length === count && key.leader === leader) return inKey
    throw new Error(JSON.stringify({ ours, theirs, key }))
  }
  return until(`${count} are ${ROLES[mode]}, led by ${leader}`, look, 60_000, 500)
}

const PROGRAMS: readonly Readonly<Record<'pg1' | 'pg2' | 'pg3', Program>>[] = [
  { pg1: 'hactl', pg2: 'patroni', pg3: 'patroni' },
  { pg1: 'patroni', pg2: 'hactl', pg3: 'hactl' },
]

test.each(PROGRAMS.flatMap(programs => (['on', 'quorum'] as const).map(mode => ({ ...programs, mode }))))(
  '$mode: $pg1 leads, $pg2 and $pg3 follow; the leader is killed',
  async ({ mode, ...programs }) => {
    const mixed = await setLiveCluster(programs)
    cluster = mixed
    const { stage, client } = mixed
    const old = mixed.node('pg1')
    await createTable(client, old.host)
    const setting = `synchronous_mode=${mode}`
    const edited = await mixed.ctl('hactl', ['edit-config', '-s', setting, '--force'])
    expect(edited, edited.stderr).toMatchObject({ code: 0 })
    const voters = await synchronous(mixed, mode, 'pg1', mode === 'on' ? 1 : 2)

    const addresses = ['pg1', 'pg2', 'pg3'].map(name => `${mixed.node(name).host.address}:5432`)
    const writer = await startWriter(stage, client, { addresses, mode: 'all-at-once' }, superuserPassword)
    await writer.nextAcknowledgement(40_000)
    await signalHost(old.host, 'SIGKILL')
    await until('pg1 is dead', async () => (await processesOn(old.host)).length === 0, 20_000)
    const accepted = await writer.nextAcknowledgement(90_000, old.host)
    const leader = ['pg2', 'pg3'].find(name => mixed.node(name).host.address === accepted.server) ?? 'nobody'
    expect(voters).toContain(leader)

    await mixed.start('pg1')
    await mixed.healthy(90_000, leader)
    await synchronous(mixed, mode, leader, mode === 'on' ? 1 : 2)
    // Back to the other program, by the command of either.
    const args = ['switchover', '--force', ...(mode === 'on' ? [] : ['--candidate', 'pg1'])]
    const switched = await mixed.ctl('patronictl', args)
    expect(switched.stdout).toContain('Successfully switched over')

    await writer.nextAcknowledgement(60_000)
    const summary = await writer.finish()
    expect(summary.twoWriters).toEqual([])
    const rows = await mixed.list('hactl')
    const leads = rows.find(({ Role }) => Role === 'Leader')?.Member ?? 'nobody'
    expect(await lostRows(writer, client, mixed.node(leads).host)).toEqual([])
    expect(await mixed.complaints()).toEqual([])
  },
)
