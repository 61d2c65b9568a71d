// `node test/bench/load/run.ts [--seconds N] [phases…]`: the load set beside a cluster of three nodes that is written to all the
// time, fsync on, ttl 8. A phase lasts N seconds (600 when left out) times its share. Prints a table in Markdown, and in the end
// what was acknowledged, what is missing, and the longest pause of the writer. Needs root and `bin/setup`.

import { readFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Cluster, startCluster } from '../../cluster/harness/cluster.ts'
import { type Host, inside, processesOn } from '../../cluster/harness/network.ts'
import { run } from '../../cluster/harness/run.ts'
import { postgresPort, restPort } from '../../cluster/harness/servers.ts'
import { makeDirectory, type Stage } from '../../cluster/harness/stage.ts'
import { createTable, lostRows, startWriter } from '../../cluster/harness/writer.ts'
import { type Phase, phases, type Scene } from './phases.ts'

const { values, positionals } = parseArgs({
  options: { seconds: { type: 'string', default: '600' } },
  allowPositionals: true,
})
const unknown = positionals.filter(name => !phases.some(phase => phase.name === name))
if (unknown.length > 0)
  throw new Error(`no phase ${unknown.join(', ')}; there are ${phases.map(({ name }) => name).join(', ')}`)
const chosen = positionals.length === 0 ? phases : phases.filter(({ name }) => positionals.includes(name))
const SETTLING_MS = 30_000

interface Measured {
  readonly lease: {
    readonly leastSeconds: number
    readonly withoutLeader: number
    readonly leaders: string[]
  }
  readonly probe: {
    readonly checks: number
    readonly failed: number
    readonly p50: number
    readonly p99: number
  }
  readonly attack: string
  readonly memoryMb: { readonly before: number; readonly most: number; readonly after: number }
}

const mounts: string[] = []
const cluster = await startCluster(
  { ttl: 8, loop_wait: 2, retry_timeout: 3 },
  { isDurable: true },
  { node: logDisk, more: ['attacker'] },
)
try {
  await all(cluster)
} finally {
  for (const path of mounts) await run(['umount', '-l', path])
  await cluster.stage.close()
}

async function logDisk(stage: Stage, name: string) {
  const dir = await makeDirectory(stage, `${name}-log`)
  await run(['mount', '-t', 'tmpfs', '-o', 'size=16m,mode=0755,uid=postgres,gid=postgres', 'tmpfs', dir])
  mounts.push(dir)
  return { log: { dir, file_size: 1_000_000, file_num: 2 } }
}

async function all({ stage, client, nodes, primary }: Cluster): Promise<void> {
  await createTable(client, (await primary(10_000)).host)
  const addresses = nodes().map(({ host }) => `${host.address}:${postgresPort}`)
  const writer = await startWriter(stage, client, { addresses }, 'super-secret')
  console.log(
    '| what is done to the leader | lease | health checks: p50, p99 | failed | memory before, most, after | leaders |',
  )
  console.log('|---|---|---|---|---|---|')
  for (const phase of chosen) {
    const leader = await primary(30_000)
    const seconds = Math.max(10, Math.round(Number(values.seconds) * phase.share))
    const scene: Scene = { cluster, attacker: stage.host('attacker'), leader, seconds }
    const measured = await measure(phase, scene)
    console.log(row(phase, measured))
    console.error(`${phase.name}: ${seconds} s, ${measured.attack}, load ${loadavg()[0]?.toFixed(1)}`)
  }
  const summary = await writer.finish()
  const lost = await lostRows(writer, client, (await primary(30_000)).host)
  const acknowledged = (await writer.acknowledgements()).length
  console.log(
    `\n${acknowledged} rows acknowledged, ${lost.length} of them missing, ` +
      `longest pause ${(summary.longestGap.ms / 1000).toFixed(2)} s, two writers ${summary.twoWriters.length}`,
  )
}

async function measure(phase: Phase, scene: Scene): Promise<Measured> {
  const { client, etcd } = scene.cluster
  const { attacker, leader, seconds } = scene
  const program = (on: Host, name: string, ...args: readonly string[]) =>
    run(inside(on, [process.execPath, join(import.meta.dirname, name), ...args]), {
      limitMs: seconds * 1000 + 120_000,
    })
  const pid = await agentOn(leader.host)
  const before = await residentMb(pid)
  const aside = await phase.beside?.(scene)
  const target = `${phase.scheme ?? 'http'}://${leader.host.address}:${restPort}/primary`
  const ended = new AbortController()
  const most = mostOf(pid, ended.signal)
  const { kind, connections } = phase.attack ?? { kind: '', connections: 0 }
  try {
    const [lease, probe, attack] = await Promise.all([
      program(
        client,
        'lease-watch.ts',
        `http://${etcd[0]?.address}:2379`,
        '/service/test/leader',
        String(seconds),
      ),
      program(client, 'probe.ts', target, String(seconds)),
      kind === ''
        ? sleep(seconds * 1000, 'no connections')
        : program(
            attacker,
            'attack.ts',
            kind,
            leader.host.address,
            String(restPort),
            String(connections),
            String(seconds),
          ),
    ])
    ended.abort()
    await aside?.undo()
    await sleep(SETTLING_MS)
    const memoryMb = { before, most: await most, after: await residentMb(pid) }
    return { lease: JSON.parse(lease), probe: JSON.parse(probe), attack: attack.trim(), memoryMb }
  } finally {
    ended.abort()
  }
}

async function agentOn(host: Host): Promise<number> {
  for (const pid of await processesOn(host)) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (line.startsWith('hactl agent')) return pid
  }
  throw new Error(`no agent on ${host.name}`)
}

async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024)
}

async function mostOf(pid: number, ended: AbortSignal): Promise<number> {
  let most = 0
  for (; !ended.aborted; await sleep(1000)) most = Math.max(most, await residentMb(pid).catch(() => 0))
  return most
}

function row({ about }: Phase, { lease, probe, memoryMb }: Measured): string {
  const { leastSeconds, withoutLeader, leaders } = lease
  const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`
  const { before, most, after } = memoryMb
  const held = withoutLeader === 0 ? leaders.join(', ') : `${leaders.join(', ')}; none ${withoutLeader} times`
  return (
    `| ${about} | ${leastSeconds} s | ${ms(probe.p50)}, ${ms(probe.p99)} | ${probe.failed} of ${probe.checks} | ` +
    `${before}, ${most}, ${after} MB | ${held} |`
  )
}
