// Real etcd members on loopback for tests: any number, with passwords or certificates, which can be killed, stopped
// (SIGSTOP) and started again one by one. Everything lives in one temporary directory and ends with `stop()`.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { EtcdConfig, HostPort } from '../../../src/model/settings/config.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { LeaseOutcome, Store } from '../../../src/ports/store.ts'
import { freeze } from '../../freeze.ts'
import { memoryDirectory } from '../../memory-directory.ts'
import { TimeLimit } from '../../time-limit.ts'
import { freePort } from '../free-port.ts'
import type { Certificates } from './certificates.ts'

const run = promisify(execFile)

/** Another server version may be tested with this variable. */
const ETCD = process.env.HACTL_TEST_ETCD ?? '/usr/bin/etcd'

/** For a call that etcd answers: many times what that takes, also on a busy machine. */
export const BUDGET_MS = 10_000
/** For what comes about by itself, such as a change that is seen: tells late from never. */
export const LIMIT_MS = 20_000

/** Real time for the adapter under test. */
export const clock: Clock = {
  bootMs: () => performance.now(),
  wallMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise(resolve => {
      const over = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', over)
        resolve()
      }
      const timer = setTimeout(over, ms)
      if (signal?.aborted === true) over()
      else signal?.addEventListener('abort', over)
    }),
}

/** Waits for `probe` to be true (or not null), asking every 20 ms, and fails with `what` after `limitMs`. */
export async function until(
  what: string,
  limitMs: number,
  probe: () => boolean | Promise<boolean>,
): Promise<void> {
  const endMs = performance.now() + limitMs
  while (!(await probe())) {
    if (performance.now() > endMs) throw new TimeLimit(`not within ${limitMs} ms: ${what}`)
    await clock.sleep(20)
  }
}

export interface EtcdOptions {
  readonly members?: number
  /** More flags for each member, e.g. `--auth-token`. */
  readonly flags?: readonly string[]
  /** Serve clients over TLS and demand client certificates signed by `ca`. */
  readonly tls?: Certificates
  /** Host in the client URLs; default 127.0.0.1. */
  readonly host?: string
}

export class EtcdMember {
  readonly name: string
  readonly endpoint: HostPort
  readonly #argv: readonly string[]
  readonly #logFile: string
  #process: ChildProcess | null = null

  constructor(name: string, endpoint: HostPort, argv: readonly string[], logFile: string) {
    this.name = name
    this.endpoint = endpoint
    this.#argv = argv
    this.#logFile = logFile
  }

  async start(): Promise<void> {
    const log = await open(this.#logFile, 'a')
    this.#process = spawn(ETCD, [...this.#argv], { stdio: ['ignore', log.fd, log.fd] })
    await log.close()
  }

  /** SIGKILL, and waits for the end. */
  async kill(): Promise<void> {
    const process = this.#process
    this.#process = null
    if (process === null || process.exitCode !== null || process.signalCode !== null) return
    const gone = new Promise(resolve => process.once('exit', resolve))
    process.kill('SIGKILL')
    await gone
  }

  async freeze(): Promise<void> {
    const pid = this.#process?.pid
    if (pid !== undefined) await freeze(pid)
  }

  thaw(): void {
    this.#process?.kill('SIGCONT')
  }
}

export class EtcdCluster {
  readonly members: readonly EtcdMember[]
  readonly #directory: string
  readonly #ctlFlags: readonly string[]

  constructor(members: readonly EtcdMember[], directory: string, ctlFlags: readonly string[]) {
    this.members = members
    this.#directory = directory
    this.#ctlFlags = ctlFlags
  }

  get config(): EtcdConfig {
    return { endpoints: this.members.map(member => member.endpoint), tls: null, credentials: null }
  }

  member(index: number): EtcdMember {
    const member = this.members[index]
    if (member === undefined) throw new Error(`no etcd member ${index}`)
    return member
  }

  /** Runs etcdctl against all members (or `endpoint`) and returns its stdout. */
  async ctl(args: readonly string[], options: { readonly endpoint?: HostPort } = {}): Promise<string> {
    const endpoints = options.endpoint === undefined ? this.config.endpoints : [options.endpoint]
    const list = endpoints.map(({ host, port }) =>
      host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    )
    const argv = ['--endpoints', list.join(','), '--command-timeout', '15s', ...this.#ctlFlags, ...args]
    const { stdout } = await run('/usr/bin/etcdctl', argv, { env: { ETCDCTL_API: '3' }, timeout: LIMIT_MS })
    return stdout
  }

  async healthy(limitMs = LIMIT_MS): Promise<void> {
    for (const { name, endpoint } of this.members) {
      await until(`etcd member ${name} healthy`, limitMs, async () => {
        try {
          await this.ctl(['endpoint', 'health', '--command-timeout', '1s'], { endpoint })
          return true
        } catch (error) {
          // With authentication on, a member that refuses the health check's read is healthy as well.
          return /permission denied|user name is empty/.test(String((error as { stderr?: unknown }).stderr))
        }
      })
    }
  }

  /** Index of the member that leads raft, as the members themselves say. */
  async raftLeader(): Promise<number> {
    let leader = -1
    // While they elect, or hand over between one question and the next, nobody says so.
    await until('a raft leader', LIMIT_MS, async () => {
      for (const [index, { endpoint }] of this.members.entries()) {
        const [status] = JSON.parse(await this.ctl(['endpoint', 'status', '-w', 'json'], { endpoint }))
        if (status.Status.leader === status.Status.header.member_id) leader = index
      }
      return leader >= 0
    })
    return leader
  }

  /** Makes another member raft leader, which begins a new raft term. */
  async moveLeader(): Promise<void> {
    const list = await this.ctl(['member', 'list'])
    // Refused when they elect by themselves between the question who leads and the order.
    await until('the order to another raft leader', LIMIT_MS, async () => {
      const target = `m${((await this.raftLeader()) + 1) % this.members.length}`
      const id = list
        .split('\n')
        .find(line => line.includes(` ${target},`))
        ?.split(',')[0]
      if (id === undefined) throw new Error(`no etcd member ${target}`)
      return await this.ctl(['move-leader', id]).then(
        () => true,
        () => false,
      )
    })
  }

  thawAll(): void {
    for (const member of this.members) member.thaw()
  }

  async stop(): Promise<void> {
    this.thawAll()
    await Promise.all(this.members.map(member => member.kill()))
    await rm(this.#directory, { recursive: true, force: true })
  }
}

export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdCluster> {
  const { flags = [], tls, host = '127.0.0.1' } = options
  const count = options.members ?? 3
  const directory = await memoryDirectory('hactl-etcd-')
  const peers: string[] = []
  const clients: HostPort[] = []
  for (let index = 0; index < count; index++) {
    peers.push(`http://127.0.0.1:${await freePort()}`)
    clients.push({ host, port: await freePort() })
  }
  const initial = peers.map((peer, index) => `m${index}=${peer}`).join(',')
  const members = clients.map((endpoint, index) => {
    const name = `m${index}`
    const shown = host.includes(':') ? `[${host}]` : host
    const url = `${tls === undefined ? 'http' : 'https'}://${shown}:${endpoint.port}`
    const peer = peers[index] ?? ''
    const argv = [
      ...['--name', name, '--data-dir', join(directory, name), '--logger', 'zap'],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', initial, '--initial-cluster-state', 'new'],
      ...(tls === undefined
        ? []
        : [
            '--cert-file',
            tls.serverCert,
            '--key-file',
            tls.serverKey,
            '--trusted-ca-file',
            tls.ca,
            '--client-cert-auth',
          ]),
      ...flags,
    ]
    return new EtcdMember(name, endpoint, argv, join(directory, `${name}.log`))
  })
  const ctlFlags =
    tls === undefined ? [] : ['--cacert', tls.ca, '--cert', tls.clientCert, '--key', tls.clientKey]
  const cluster = new EtcdCluster(members, directory, ctlFlags)
  await Promise.all(members.map(member => member.start()))
  try {
    await cluster.healthy()
  } catch (error) {
    await cluster.stop()
    throw error
  }
  return cluster
}

/** Takes the leader key as a race does: guarded by the record of the last leader that it has just read. */
export async function lead(store: Store, budgetMs: number): Promise<LeaseOutcome> {
  const view = await store.read(budgetMs)
  const last = view.known ? view.value.lastLeader : null
  return store.acquireLeader(last?.modRevision ?? null, true, budgetMs)
}
