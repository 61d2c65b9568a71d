// An outage of etcd in a cluster test: a majority of its members frozen or killed, or a node cut off from it; and the moment
// after it at which a leader holds the leader key again.

import { type Host, signalHost } from './network.ts'
import { etcdctl, etcdLeader, getText, startEtcdMember } from './servers.ts'
import type { Stage } from './stage.ts'
import { nowMs, until } from './until.ts'

export type How = 'frozen' | 'killed'

interface WithEtcd {
  readonly stage: Stage
  readonly etcd: readonly Host[]
  readonly client: Host
}

/**
 * Takes two of three members away. Frozen: etcd's own leader is among them, connections to them hang, and the third elects
 * nobody. Killed: the leader is left alone, and gives up.
 */
export async function loseMajority({ etcd, client }: WithEtcd, how: How): Promise<readonly Host[]> {
  const leader = await until('etcd has a leader', () => etcdLeader(client, etcd), 30_000, 200)
  const followers = etcd.filter(({ name }) => name !== leader.name)
  const lost = how === 'killed' ? followers : [leader, ...followers.slice(1)]
  await Promise.all(lost.map(host => signalHost(host, how === 'killed' ? 'SIGKILL' : 'SIGSTOP')))
  return lost
}

/** Gives the moment at which etcd served again. */
export async function bringBack(
  { stage, etcd, client }: WithEtcd,
  lost: readonly Host[],
  how: How,
  restart = (host: Host): Promise<unknown> => startEtcdMember(stage, host, etcd),
): Promise<number> {
  for (const host of lost) await (how === 'killed' ? restart(host) : signalHost(host, 'SIGCONT'))
  await until('etcd serves', () => etcdctl(client, ['get', 'ready'], etcd), 40_000, 100)
  return nowMs()
}

/** Waits until the leader key names a primary that goes on by it, not by the word of the members; gives name and moment. */
export async function ledByLease(
  { stage, etcd, client }: WithEtcd,
  limitMs: number,
): Promise<{ readonly name: string; readonly atMs: number }> {
  const look = async () => {
    const { kvs } = JSON.parse(await etcdctl(client, ['get', '-w', 'json', '/service/test/leader'], etcd))
    if (kvs?.[0]?.lease === undefined) throw new Error('no leader key with a lease')
    const name = Buffer.from(kvs[0].value, 'base64').toString()
    const document = JSON.parse(await getText(client, stage.host(name), '/patroni'))
    if (document.role === 'primary' && document.failsafe_mode_is_active !== true)
      return { name, atMs: nowMs() }
    throw new Error(JSON.stringify(document))
  }
  return until('a leader leads by its lease', look, limitMs, 100)
}

/** Looks again and again for so long, and fails as soon as `look` throws: it saw what must not be. */
export async function throughout(ms: number, look: () => Promise<void>): Promise<void> {
  const endMs = nowMs() + ms
  const failure = await until(
    `${ms} ms passed`,
    async () => {
      const failed = await look().then(
        () => null,
        (error: unknown) => ({ error }),
      )
      return failed ?? (nowMs() > endMs ? 'passed' : null)
    },
    ms + 20_000,
    250,
  )
  if (failure !== 'passed') throw failure.error
}

/** A line that can be found in the output of a test run, as `incident.ts` prints one. */
export function printFigures(name: string, figures: Readonly<Record<string, number>>): void {
  const texts = Object.entries(figures).map(([what, ms]) => `${what} ${Math.round(ms)} ms`)
  console.log(`measured | ${name} | ${texts.join(' | ')}`)
}
