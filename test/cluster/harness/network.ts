// A network of its own for a test: a namespace for each host, joined by a bridge that stands in a namespace too, so that
// nothing of the machine's own network is touched. Links can be unplugged, and packets dropped silently, whole or in part.

import { readdir, readFile } from 'node:fs/promises'
import { standsStill } from '../../freeze.ts'
import { run, tryRun } from './run.ts'
import { until } from './until.ts'

export interface Host {
  readonly name: string
  /** IPv4, reachable from the other hosts only. */
  readonly address: string
  /** Name of the network namespace, as `ip netns` knows it. */
  readonly namespace: string
}

export interface Cut {
  /** Only packets from and to these hosts; left out: all. */
  readonly peers?: readonly Host[]
  /** Which packets of the cut host are dropped; `both` when left out. */
  readonly direction?: 'in' | 'out' | 'both'
}

const prefix = 'hactl-'
let networks = 0

export async function createNetwork(names: readonly string[]): Promise<readonly Host[]> {
  if (process.getuid?.() !== 0) throw new Error('cluster tests make network namespaces and must run as root')
  networks += 1
  const base = `${prefix}${process.pid}-${networks}-`
  const bridge = `${base}br`
  const hosts = names.map((name, index) => ({
    name,
    address: `10.77.0.${index + 1}`,
    namespace: `${base}${name}`,
  }))
  await run(['ip', 'netns', 'add', bridge])
  await run(['ip', '-n', bridge, 'link', 'add', 'br0', 'type', 'bridge'])
  await run(['ip', '-n', bridge, 'link', 'set', 'br0', 'up'])
  for (const [index, { namespace, address }] of hosts.entries()) {
    await run(['ip', 'netns', 'add', namespace])
    const port = `port${index}`
    const peer = ['peer', 'name', port, 'netns', bridge]
    await run(['ip', 'link', 'add', 'eth0', 'netns', namespace, 'type', 'veth', ...peer])
    await run(['ip', '-n', bridge, 'link', 'set', port, 'master', 'br0', 'up'])
    await run(['ip', '-n', namespace, 'addr', 'add', `${address}/24`, 'dev', 'eth0'])
    for (const link of ['lo', 'eth0']) await run(['ip', '-n', namespace, 'link', 'set', link, 'up'])
  }
  return hosts
}

/** Ends every process in the hosts and removes them and their bridge. */
export async function removeNetwork(hosts: readonly Host[]): Promise<void> {
  await Promise.all(hosts.map(host => endProcesses(host.namespace)))
  const bridges = new Set(hosts.map(({ name, namespace }) => `${namespace.slice(0, -name.length)}br`))
  for (const name of [...hosts.map(host => host.namespace), ...bridges])
    await run(['ip', 'netns', 'del', name])
}

/** Removes what test runs that were killed left behind: namespaces of runs whose process is gone. */
export async function sweepNetworks(): Promise<void> {
  const listed = await run(['ip', 'netns', 'list'])
  for (const line of listed.split('\n')) {
    const name = line.split(' ', 1)[0] ?? ''
    const owner = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1]
    if (owner === undefined || (await isAlive(Number(owner)))) continue
    await endProcesses(name)
    await tryRun(['ip', 'netns', 'del', name])
  }
}

/** Drops packets without a word, as a broken switch does: open connections hang. Replaces an earlier cut of the host. */
export async function cut(host: Host, { peers, direction = 'both' }: Cut = {}): Promise<void> {
  const addresses = peers?.map(peer => peer.address).join(', ')
  const dropFrom = (end: 'saddr' | 'daddr') =>
    addresses === undefined ? 'drop' : `ip ${end} { ${addresses} } drop`
  const table = [
    'table inet cut {',
    '  chain in {',
    '    type filter hook input priority 0',
    '    iif lo accept',
    ...(direction === 'out' ? [] : [`    ${dropFrom('saddr')}`]),
    '  }',
    '  chain out {',
    '    type filter hook output priority 0',
    '    oif lo accept',
    ...(direction === 'in' ? [] : [`    ${dropFrom('daddr')}`]),
    '  }',
    '}',
  ]
  await nft(host, [...noCut, ...table])
}

/** Ends a cut and plugs the link in. */
export async function heal(host: Host): Promise<void> {
  await nft(host, noCut)
  await run(['ip', '-n', host.namespace, 'link', 'set', 'eth0', 'up'])
}

/** Takes the link down, as a pulled cable does: the host's own calls fail at once, its peers hear nothing. */
export async function unplug(host: Host): Promise<void> {
  await run(['ip', '-n', host.namespace, 'link', 'set', 'eth0', 'down'])
}

/** Runs a program in the host's network, as root, and gives what it printed. */
export function runOn(host: Host, command: readonly string[], limitMs?: number): Promise<string> {
  return run(inside(host, command), limitMs === undefined ? {} : { limitMs })
}

/** The command line that runs a command in the host's network; the process keeps its id. */
export function inside(host: Host, command: readonly string[]): readonly string[] {
  return ['nsenter', `--net=/run/netns/${host.namespace}`, '--', ...command]
}

/** Ids of all processes in the host's network. */
export async function processesOn(host: Host): Promise<readonly number[]> {
  return processIds(host.namespace)
}

/** Sends a signal to everything that runs on the host: SIGKILL is a power cut, SIGSTOP a frozen virtual machine. */
export async function signalHost(host: Host, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  const ids = signal === 'SIGCONT' ? await processIds(host.namespace) : await stopAll(host.namespace)
  if (signal === 'SIGSTOP') await Promise.all(ids.map(standsStill))
  else for (const pid of ids) send(pid, signal)
}

/**
 * Until no process is added: one may fork while the others are told. Also before a kill: power is gone for all at once, and
 * an agent that sees its server end would start another one, which outlives it.
 */
async function stopAll(namespace: string): Promise<readonly number[]> {
  const told = new Set<number>()
  for (;;) {
    const added = (await processIds(namespace)).filter(pid => !told.has(pid))
    if (added.length === 0) return [...told]
    for (const pid of added) {
      send(pid, 'SIGSTOP')
      told.add(pid)
    }
  }
}

/** Works whether there is a cut or not: nft applies a file as one transaction. */
const noCut = ['table inet cut {', '}', 'delete table inet cut']

async function nft(host: Host, lines: readonly string[]): Promise<void> {
  await run(inside(host, ['nft', '-f', '-']), { input: `${lines.join('\n')}\n` })
}

async function processIds(namespace: string): Promise<readonly number[]> {
  const listed = await tryRun(['ip', 'netns', 'pids', namespace])
  return listed.stdout.split('\n').filter(Boolean).map(Number)
}

/**
 * PostgreSQL goes last and by SIGQUIT, because a killed postmaster leaves its shared memory behind; everything else is
 * killed first, so that nobody starts anything again.
 */
async function endProcesses(namespace: string): Promise<void> {
  const others = async () => {
    const ids = await processIds(namespace)
    const names = await Promise.all(ids.map(commandName))
    return ids.map((pid, index) => ({ pid, isPostgres: names[index] === 'postgres' }))
  }
  for (const { pid, isPostgres } of await others()) {
    send(pid, isPostgres ? 'SIGQUIT' : 'SIGKILL')
    send(pid, 'SIGCONT')
  }
  const empty = async () => (await processIds(namespace)).length === 0
  try {
    await until('processes gone', empty, 5000)
  } catch {
    for (const { pid } of await others()) send(pid, 'SIGKILL')
    await until(`no process left in ${namespace}`, empty, 30_000)
  }
}

async function commandName(pid: number): Promise<string> {
  try {
    return (await readFile(`/proc/${pid}/comm`, 'utf8')).trim()
  } catch {
    return '' // It has ended.
  }
}

async function isAlive(pid: number): Promise<boolean> {
  return (await readdir('/proc')).includes(String(pid))
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
