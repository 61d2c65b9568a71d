// What the command tests stand on: a real etcd with keys as agents write them, hactl run as a process of its own, and
// transcripts of what it printed.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type EtcdCluster, startEtcd } from '../adapters/etcd-harness.ts'

const ENTRY = fileURLToPath(new URL('../../bin/dev.js', import.meta.url))

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly ms: number
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  readonly limitMs?: number
}

/** Runs hactl with an environment of its own; a run that does not end in time fails the test. */
export function runHactl(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { env = {}, stdin, limitMs = 30_000 } = options
  const startMs = performance.now()
  const child = spawn(process.execPath, [ENTRY, ...args], {
    env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', TZ: 'UTC', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.end(stdin ?? '')
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', chunk => (stdout += chunk))
  child.stderr.on('data', chunk => (stderr += chunk))
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`hactl ${args.join(' ')} did not end within ${limitMs} ms: ${stdout}${stderr}`))
    }, limitMs)
    child.once('error', reject)
    child.once('close', code => {
      clearTimeout(limit)
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
  hactl(args: readonly string[], options?: RunOptions): Promise<Ran>
  /** Command line, stdout, stderr and exit code as a reviewer reads them; what differs from run to run is masked. */
  transcript(runs: readonly (readonly string[])[], options?: RunOptions): Promise<string>
  stop(): Promise<void>
}

export async function openStage(): Promise<Stage> {
  const etcd = await startEtcd({ members: 1 })
  const { host, port } = etcd.member(0).endpoint
  const url = `etcd3://${host}:${port}`
  const hactl = (args: readonly string[], options: RunOptions = {}) =>
    runHactl(args, { ...options, env: { DCS_URL: url, ...options.env } })
  return {
    etcd,
    url,
    hactl,
    async put(key, value) {
      await etcd.ctl([
        'put',
        `/service/${key}`,
        '--',
        typeof value === 'string' ? value : JSON.stringify(value),
      ])
    },
    async delete(key) {
      await etcd.ctl(['del', `/service/${key}`, '--prefix'])
    },
    async get(key) {
      return (await etcd.ctl(['get', '--print-value-only', `/service/${key}`])).replace(/\n$/, '')
    },
    async transcript(runs, options) {
      const parts: string[] = []
      for (const args of runs) parts.push(shown(args, await hactl(args, options), url))
      return parts.join('\n')
    },
    stop: () => etcd.stop(),
  }
}

function shown(args: readonly string[], ran: Ran, url: string): string {
  const line = ['hactl', ...args].map(word => (/[\s'"]/.test(word) ? `'${word}'` : word)).join(' ')
  const stderr = ran.stderr === '' ? '' : `--- stderr\n${ran.stderr}`
  return mask(`$ ${line}\n${ran.stdout}${stderr}--- exit code ${ran.code}\n`, url)
}

function mask(text: string, url: string): string {
  const port = url.replace(/.*:/, '')
  return text
    .replaceAll(`:${port}`, ':ETCD')
    .replace(/127\.0\.0\.1:[23]\d{4}/g, '127.0.0.1:PORT')
    .replace(/"(leaseId|revision|leaderMs|writableMs|streamingMs)": ("\d+"|\d+)/g, '"$1": "MASKED"')
    .replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{5})?/gm, 'TIME')
}
