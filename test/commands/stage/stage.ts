// What the command tests stand on: a real etcd with keys as agents write them, hactl run as a process of its own, and
// transcripts of what it printed.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type EtcdCluster, LIMIT_MS, startEtcd, until } from '../../adapters/etcd/etcd-harness.ts'
import { TimeLimit } from '../../time-limit.ts'

const ENTRY = fileURLToPath(new URL('../../../bin/run.js', import.meta.url))

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly ms: number
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** What comes through the pipe; `open`: nothing, and it stays open; `closed`: there is no stdin at all (`<&-`). */
  readonly stdin?: string | typeof OPEN | typeof CLOSED
  readonly limitMs?: number
}

export const OPEN: unique symbol = Symbol('an open pipe')
export const CLOSED: unique symbol = Symbol('no stdin')

/** Runs hactl with an environment of its own; a run that does not end in time fails the test. */
export function runHactl(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { env = {}, stdin, limitMs = 30_000 } = options
  const startMs = performance.now()
  const program = [process.execPath, ENTRY, ...args]
  const [file = '', ...words] = stdin === CLOSED ? ['sh', '-c', 'exec "$0" "$@" <&-', ...program] : program
  const child = spawn(file, words, {
    env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', TZ: 'UTC', ...env },
    stdio: [stdin === CLOSED ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  if (stdin !== OPEN) child.stdin?.end(typeof stdin === 'string' ? stdin : '')
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', chunk => (stdout += chunk))
  child.stderr?.on('data', chunk => (stderr += chunk))
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new TimeLimit(`hactl ${args.join(' ')} did not end within ${limitMs} ms: ${stdout}${stderr}`))
    }, limitMs)
    child.once('error', reject)
    child.once('close', code => {
      clearTimeout(limit)
      child.stdin?.destroy()
      resolve({ code, stdout, stderr, ms: performance.now() - startMs })
    })
  })
}

export interface Stage {
  readonly etcd: EtcdCluster
  /** For `--dcs-url`. */
  readonly url: string
  /** Below `/service/`. */
  put(key: string, value: unknown): Promise<void>
  delete(key: string): Promise<void>
  get(key: string): Promise<string>
  /** Settles when hactl has read the cluster whole, and has seen what stood there when this was called. */
  untilRead(): Promise<void>
  hactl(args: readonly string[], options?: RunOptions): Promise<Ran>
  /** Command line, stdout, stderr and exit code as a reviewer reads them; what differs from run to run is masked. */
  transcript(runs: readonly (readonly string[])[], options?: RunOptions): Promise<string>
  /** The same etcd with other keys: what runs there is in nobody's way. */
  apart(namespace: string): Stage
  stop(): Promise<void>
}

export async function openStage(): Promise<Stage> {
  return stageIn(await startEtcd({ members: 1 }), 'service')
}

function stageIn(etcd: EtcdCluster, namespace: string): Stage {
  const { host, port } = etcd.member(0).endpoint
  const url = `etcd3://${host}:${port}${namespace === 'service' ? '' : `/${namespace}`}`
  // Without a process for each: hactl waits three seconds for a member to write something.
  const ask = async (path: string, body: object): Promise<{ kvs?: readonly { value?: string }[] }> => {
    const answer = await fetch(`http://${host}:${port}/v3/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(`etcd answers ${path} with ${answer.status}: ${await answer.text()}`)
    return JSON.parse(await answer.text())
  }
  /** How many reads etcd has answered: hactl reads a cluster in transactions, and the rest of a large one by ranges. */
  const reads = async (): Promise<number> => {
    const metrics = await (await fetch(`http://${host}:${port}/metrics`)).text()
    const line = /^grpc_server_handled_total\{grpc_code="OK",grpc_method="(?:Range|Txn)",.*\} (\d+)$/gm
    return [...metrics.matchAll(line)].reduce((sum, [, count]) => sum + Number(count), 0)
  }
  const hactl = (args: readonly string[], options: RunOptions = {}) =>
    runHactl(args, { ...options, env: { DCS_URL: url, ...options.env } })
  return {
    etcd,
    url,
    hactl,
    async put(key, value) {
      const text = typeof value === 'string' ? value : JSON.stringify(value)
      await ask('kv/put', { key: base64(`/${namespace}/${key}`), value: base64(text) })
    },
    async delete(key) {
      const [begin, end] = [`/${namespace}/${key}`, `/${namespace}/${key}\uffff`]
      await ask('kv/deleterange', { key: base64(begin), range_end: base64(end) })
    },
    async get(key) {
      const { kvs } = await ask('kv/range', { key: base64(`/${namespace}/${key}`) })
      return Buffer.from(kvs?.[0]?.value ?? '', 'base64').toString()
    },
    async untilRead() {
      const before = await reads()
      // The first may have begun before, and the answer to the second may still be on its way.
      await until('hactl to look at etcd', LIMIT_MS, async () => (await reads()) >= before + 3)
    },
    async transcript(runs, options) {
      const parts: string[] = []
      for (const args of runs) parts.push(shown(args, await hactl(args, options), port))
      return parts.join('\n')
    },
    apart: other => stageIn(etcd, other),
    stop: () => etcd.stop(),
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

/** `port`: of etcd, as in its URL. */
export function shown(args: readonly string[], ran: Ran, port: number): string {
  const line = ['hactl', ...args].map(word => (/[\s'"]/.test(word) ? `'${word}'` : word)).join(' ')
  const stderr = ran.stderr === '' ? '' : `--- stderr\n${ran.stderr}`
  return mask(`$ ${line}\n${ran.stdout}${stderr}--- exit code ${ran.code}\n`, port)
}

function mask(text: string, port: number): string {
  return text
    .replace(/by \S+@\S+ at \d{4}-[\dT:.-]+Z/g, 'by WHO at WHEN')
    .replace(/"by": ".*@.*"/g, '"by": "WHO"')
    .replace(/"(at|since)": "[\d:.TZ-]+"/g, '"$1": "WHEN"')
    .replaceAll(`:${port}`, ':ETCD')
    .replace(/127\.0\.0\.1:\d{5}/g, '127.0.0.1:PORT')
    .replace(/within \d+ (ms|s)\b/g, 'within N $1')
    .replace(/"(leaseId|revision|waitedMs|leaderMs|writableMs|streamingMs)": ("\d+"|\d+)/g, '"$1": "MASKED"')
    .replace(/ after \d+\.\d s/g, ' after N s')
    .replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{5})?/gm, 'TIME')
}
