// `hactl demo`: a real cluster in a throw-away directory, with a client that writes through HAProxy while the demo
// breaks things. Succeeds only if the cluster healed each time and no acknowledged row is missing.

import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Millis } from '../../model/units.ts'
import { runProgram } from '../../system/child-process.ts'
import { serverAccount } from './account.ts'
import { findProgram, readableProgram } from './demo-program.ts'
import { explain, tellLogs } from './farewell.ts'
import { type DemoNode, haproxyConfig, nodeYaml, planLayout } from './layout.ts'
import { createServers, signal } from './servers.ts'
import type { DemoOptions, Stage } from './stage.ts'
import { createWatch, isHealthy } from './watch-cluster.ts'
import { startWriter, type Writer } from './writer.ts'

interface DemoEvent {
  readonly event: string
  /** Longest time between two acknowledged writes around the event. */
  readonly pauseMs: Millis
  readonly leaderBefore: string
  readonly leaderAfter: string
}

export interface DemoResult {
  readonly events: readonly DemoEvent[]
  readonly acknowledged: number
  readonly missing: readonly number[]
  /** The directory of a kept demo; null: it was removed. */
  readonly directory: string | null
}

const BUILD_LIMIT_MS = 60_000
const HEAL_LIMIT_MS = 40_000

export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const account = await serverAccount()
  const directory = await mkdtemp(join(tmpdir(), 'hactl-demo-'))
  await chmod(directory, 0o755)
  const layout = await planLayout(directory)
  const servers = createServers(options.clock)
  let kept = false
  try {
    const program = await readableProgram(options, account, directory)
    const watch = createWatch(layout, options.clock, options.say)
    const stage: Stage = { options, layout, servers, watch, account, program }
    const result = await play(stage)
    kept = options.keep
    if (kept) await explain(stage)
    return { ...result, directory: kept ? directory : null }
  } catch (error) {
    await tellLogs(layout, options.say)
    throw error
  } finally {
    if (!kept) {
      await servers.stopAll(layout.nodes.map(node => join(node.directory, 'data')))
      await rm(directory, { recursive: true, force: true })
    }
  }
}

async function play(stage: Stage): Promise<Omit<DemoResult, 'directory'>> {
  const { layout, watch, options } = stage
  options.say(`etcd, three nodes and HAProxy in ${layout.directory}`)
  await startEverything(stage)
  await watch.until('a leader and two streaming standbys', BUILD_LIMIT_MS, view => isHealthy(view, 2))
  const writer = startWriter(layout.proxyPort, options.clock)
  try {
    await writesAgain(writer, 200, options)
    options.say(
      `a client writes through HAProxy on port ${layout.proxyPort}; ${writer.acknowledged()} rows acknowledged so far`,
    )
    const events = [
      await switchOver(stage, writer),
      await crashPostgres(stage, writer),
      await loseNode(stage, writer),
    ]
    const { acknowledged, missing } = await writer.finish(HEAL_LIMIT_MS)
    return { events, acknowledged, missing }
  } finally {
    writer.stop()
  }
}

async function startEverything({ layout, servers, account, options, program }: Stage): Promise<void> {
  const client = `http://127.0.0.1:${layout.etcdPort}`
  const peer = `http://127.0.0.1:${layout.etcdPeerPort}`
  await mkdir(join(layout.directory, 'etcd'), { mode: 0o700 })
  if (account !== null) await chown(join(layout.directory, 'etcd'), account.uid, account.gid)
  await servers.start({
    label: 'etcd',
    file: 'etcd',
    args: [
      '--name',
      'demo',
      '--data-dir',
      join(layout.directory, 'etcd'),
      '--listen-client-urls',
      client,
      '--advertise-client-urls',
      client,
      '--listen-peer-urls',
      peer,
      '--initial-advertise-peer-urls',
      peer,
      '--initial-cluster',
      `demo=${peer}`,
    ],
    log: join(layout.directory, 'etcd.log'),
    account,
  })
  for (const node of layout.nodes) {
    await mkdir(node.directory, { mode: 0o700 })
    await writeFile(node.config, nodeYaml(layout, node), { mode: 0o600 })
    if (account !== null)
      for (const path of [node.directory, node.config]) await chown(path, account.uid, account.gid)
    await startAgent({ servers, account, program }, node)
  }
  const config = join(layout.directory, 'haproxy.cfg')
  await writeFile(config, haproxyConfig(layout))
  const haproxy = await findProgram('haproxy', ['/usr/sbin', '/usr/local/sbin'])
  await servers.start({
    label: 'haproxy',
    file: haproxy,
    args: ['-f', config, '-db'],
    log: join(layout.directory, 'haproxy.log'),
    account,
  })
  if (options.signal.aborted) throw new Error('interrupted')
}

async function startAgent(
  { servers, account, program }: Pick<Stage, 'servers' | 'account' | 'program'>,
  node: DemoNode,
): Promise<void> {
  const flags = ['--max-semi-space-size=1', '--v8-pool-size=1']
  await servers.start({
    label: node.name,
    file: program.node,
    args: [...flags, program.entry, 'agent', node.config],
    log: join(node.directory, 'agent.log'),
    account,
  })
}

async function switchOver(stage: Stage, writer: Writer): Promise<DemoEvent> {
  const { options, program, layout } = stage
  const before = await currentLeader(stage)
  const candidate = layout.nodes.find(node => node.name !== before.name)?.name ?? ''
  options.say(
    `\nplanned switchover from ${before.name} to ${candidate}: hactl switchover --candidate ${candidate} --force`,
  )
  writer.mark()
  const run = await runProgram({
    file: program.node,
    args: [
      program.entry,
      'switchover',
      '--config-file',
      before.config,
      '--candidate',
      candidate,
      '--force',
      '--json',
    ],
    env: { PATH: process.env.PATH ?? '' },
    timeoutMs: HEAL_LIMIT_MS,
    signal: options.signal,
  })
  if (run.kind !== 'exited' || run.code !== 0)
    throw new Error(`hactl switchover did not succeed: ${run.stdout} ${run.stderr}`)
  return healed(stage, writer, 'planned switchover', before, 2)
}

async function crashPostgres(stage: Stage, writer: Writer): Promise<DemoEvent> {
  const before = await currentLeader(stage)
  const pidFile = await readFile(join(before.directory, 'data', 'postmaster.pid'), 'utf8')
  const pid = Number(pidFile.split('\n', 1)[0])
  stage.options.say(`\nkill -9 ${pid}: the PostgreSQL of the primary ${before.name}`)
  writer.mark()
  signal(pid, 'SIGKILL')
  return healed(stage, writer, "kill -9 of the primary's PostgreSQL", before, 2)
}

async function loseNode(stage: Stage, writer: Writer): Promise<DemoEvent> {
  const { options, servers } = stage
  const before = await currentLeader(stage)
  options.say(`\nkill -9 of everything on ${before.name}: agent, fencer and PostgreSQL at once`)
  writer.mark()
  await servers.killNode(before.name, join(before.directory, 'data'))
  const event = await healed(stage, writer, 'kill -9 of the whole primary node', before, 1)
  options.say(`\n${before.name} comes back and rejoins`)
  await startAgent(stage, before)
  await stage.watch.until(`${before.name} to stream again`, HEAL_LIMIT_MS, view => isHealthy(view, 2))
  return event
}

/** Healed means: writes are acknowledged again, and the cluster has its standbys. */
async function healed(
  stage: Stage,
  writer: Writer,
  event: string,
  before: DemoNode,
  standbys: number,
): Promise<DemoEvent> {
  await writesAgain(writer, 50, stage.options)
  await stage.watch.until('the cluster to heal', HEAL_LIMIT_MS, view => isHealthy(view, standbys))
  const after = await currentLeader(stage)
  await writesAgain(writer, 50, stage.options)
  const { longestPauseMs } = writer.since()
  stage.options.say(
    `        longest pause between two acknowledged writes: ${(longestPauseMs / 1000).toFixed(2)} s`,
  )
  return { event, pauseMs: longestPauseMs, leaderBefore: before.name, leaderAfter: after.name }
}

/** Waits for this many more acknowledged writes. */
async function writesAgain(
  writer: Writer,
  more: number,
  { clock, signal: aborted }: DemoOptions,
): Promise<void> {
  const target = writer.acknowledged() + more
  const end = clock.bootMs() + HEAL_LIMIT_MS
  while (writer.acknowledged() < target) {
    if (aborted.aborted) throw new Error('interrupted')
    if (clock.bootMs() > end) throw new Error(`no writes were acknowledged for ${HEAL_LIMIT_MS / 1000} s`)
    await clock.sleep(20)
  }
}

async function currentLeader({ watch, layout }: Stage): Promise<DemoNode> {
  const view = await watch.until('a leader', HEAL_LIMIT_MS, seen => isHealthy(seen, 0))
  const node = layout.nodes.find(other => other.name === view.leader?.name)
  if (node === undefined) throw new Error(`unknown leader ${view.leader?.name}`)
  return node
}
