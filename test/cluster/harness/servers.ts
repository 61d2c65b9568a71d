// The servers around hactl in cluster tests: etcd members, HAProxy, and a PostgreSQL that nobody manages.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { superuserPassword } from './member.ts'
import { type Host, runOn } from './network.ts'
import { asPostgres, makeDirectory, type Running, type Stage } from './stage.ts'
import { until } from './until.ts'

export const postgresBin = '/usr/lib/postgresql/15/bin'
export const postgresPort = 5432
export const restPort = 8008
export const haproxyPort = 5000

/** One member on each host, ready to take writes. The same call again after a kill starts them from their data. */
export async function startEtcd(stage: Stage, hosts: readonly Host[]): Promise<readonly Running[]> {
  const members = await Promise.all(hosts.map(host => startEtcdMember(stage, host, hosts)))
  await until('etcd has a leader', () => etcdctl(hosts[0], ['put', 'ready', 'yes'], hosts), 30_000)
  return members
}

export async function startEtcdMember(stage: Stage, host: Host, hosts: readonly Host[]): Promise<Running> {
  const cluster = hosts.map(({ name, address }) => `${name}=http://${address}:2380`).join(',')
  const client = `http://${host.address}:2379`
  const peer = `http://${host.address}:2380`
  return stage.start(host, {
    name: 'etcd',
    command: [
      'etcd',
      ...['--name', host.name, '--data-dir', join(stage.memory, `${host.name}-etcd`)],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', cluster, '--initial-cluster-token', 'test', '--log-level', 'warn'],
    ],
  })
}

/** Runs etcdctl on a host against all members; throws when it fails. It waits longer than etcd elects. */
export async function etcdctl(
  on: Host | undefined,
  args: readonly string[],
  hosts: readonly Host[],
): Promise<string> {
  if (on === undefined) throw new Error('no host to run etcdctl on')
  const endpoints = hosts.map(({ address }) => `${address}:2379`).join(',')
  return runOn(on, [
    'env',
    'ETCDCTL_API=3',
    'etcdctl',
    '--endpoints',
    endpoints,
    '--command-timeout',
    '10s',
    ...args,
  ])
}

/** The host whose etcd member leads the others. */
export async function etcdLeader(on: Host, hosts: readonly Host[]): Promise<Host> {
  for (const host of hosts) {
    const [status] = JSON.parse(await etcdctl(on, ['endpoint', 'status', '-w', 'json'], [host])) as readonly {
      readonly Status: { readonly leader: number; readonly header: { readonly member_id: number } }
    }[]
    if (status !== undefined && status.Status.leader === status.Status.header.member_id) return host
  }
  throw new Error('no member of etcd leads')
}

/** How many times etcd has voted since it began, as its members count (the Raft term). */
export function etcdVotes(on: Host, hosts: readonly Host[]): Promise<number> {
  const ask = async () => {
    const text = await etcdctl(on, ['endpoint', 'status', '-w', 'json'], hosts)
    const members = JSON.parse(text) as readonly { readonly Status: { readonly raftTerm: number } }[]
    return Math.max(...members.map(({ Status }) => Status.raftTerm))
  }
  return until('every member of etcd tells its term', ask, 40_000, 200)
}

/** Hands the leadership of etcd to the member on `to`, and waits until it has it. */
export async function moveEtcdLeader(on: Host, hosts: readonly Host[], to: Host): Promise<void> {
  await until(
    `${to.name} leads etcd`,
    async () => {
      const leader = await etcdLeader(on, hosts)
      if (leader.name === to.name) return true
      const members = (await etcdctl(on, ['member', 'list'], hosts)).split('\n').map(line => line.split(', '))
      const [id = ''] = members.find(([, , name]) => name === to.name) ?? []
      await etcdctl(on, ['move-leader', id], [leader])
      return false
    },
    40_000,
    200,
  )
}

/** HAProxy as the manual sets it up for Patroni: who answers 200 to OPTIONS /primary gets the connections. */
export async function startHaproxy(stage: Stage, on: Host, nodes: readonly Host[]): Promise<Running> {
  const file = join(stage.directory, 'haproxy.cfg')
  const servers = nodes.map(
    ({ name, address }) => `  server ${name} ${address}:${postgresPort} maxconn 100 check port ${restPort}`,
  )
  const lines = [
    'global',
    '  maxconn 200',
    'defaults',
    '  mode tcp',
    '  retries 2',
    '  timeout connect 1s',
    '  timeout check 1s',
    '  timeout client 30m',
    '  timeout server 30m',
    'listen primary',
    `  bind *:${haproxyPort}`,
    '  option httpchk OPTIONS /primary',
    '  http-check expect status 200',
    '  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions',
    ...servers,
  ]
  await writeFile(file, `${lines.join('\n')}\n`)
  return stage.start(on, { name: 'haproxy', command: ['haproxy', '-db', '-f', file] })
}

/** A PostgreSQL that accepts the user postgres from all hosts of the stage without a password. */
export async function startPlainPostgres(stage: Stage, host: Host): Promise<Running> {
  const data = await makeDirectory(stage, `${host.name}-plain`)
  const initdb = [`${postgresBin}/initdb`, '-D', data, '--no-sync', '-A', 'trust', '-U', 'postgres']
  await runOn(host, [...asPostgres, ...initdb], 60_000)
  await writeFile(join(data, 'pg_hba.conf'), 'local all all trust\nhost all all 10.77.0.0/24 trust\n')
  const settings = [
    'listen_addresses=*',
    `unix_socket_directories=${data}`,
    'fsync=off',
    'shared_buffers=16MB',
  ]
  const server = await stage.start(host, {
    name: 'postgres',
    asPostgres: true,
    command: [`${postgresBin}/postgres`, '-D', data, ...settings.flatMap(setting => ['-c', setting])],
  })
  await until(`PostgreSQL on ${host.name} answers`, () => query(host, host, 'select 1'), 40_000)
  return server
}

/** One statement by psql from a host to a host; rows as lines, columns divided by `|`. Bounded; throws when it fails. */
export async function query(from: Host, to: Host, sql: string, user = 'postgres'): Promise<string> {
  const conninfo = `host=${to.address} port=${postgresPort} user=${user} dbname=postgres connect_timeout=10`
  // The password of member.ts; a server that trusts us does not ask for it.
  const environment = ['PGOPTIONS=-c statement_timeout=20s', `PGPASSWORD=${superuserPassword}`]
  const psql = [`${postgresBin}/psql`, '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', conninfo, '-c', sql]
  const text = await runOn(from, ['env', ...environment, ...psql], 40_000)
  return text.trimEnd()
}

/** Body of a GET of a node's REST API. */
export function getText(from: Host, node: Host, path: string): Promise<string> {
  return runOn(from, ['curl', '-s', '-m', '2', `http://${node.address}:${restPort}${path}`])
}

/** Status code of a GET; null when nobody answers within a second. */
export async function httpStatus(from: Host, url: string): Promise<number | null> {
  const curl = ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '-m', '1', url]
  const text = await runOn(from, curl).catch(() => '000')
  return text === '000' ? null : Number(text)
}
