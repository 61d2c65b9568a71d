// Measures GET /primary with 32 keep-alive connections (budget: at least 8000 a second, p99 below 10 ms) and prints one
// line. Run: node test/bench/rest.ts [seconds] [OPTIONS|GET] [path]. Needs Debian's wrk. The server runs in a process of its own.

import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const self = fileURLToPath(import.meta.url)

if (process.send === undefined) await measure()
else await serve()

async function serve(): Promise<void> {
  const { SettableNode, startServer } = await import('../rest/node.ts')
  const node = new SettableNode().primary()
  node.leaseUntilMs = Number.MAX_SAFE_INTEGER
  const { server } = await startServer({ node })
  process.send?.(server.port())
  await once(process, 'disconnect')
  await server.stop()
}

async function measure(): Promise<void> {
  const [seconds = '5', method = 'GET', path = '/primary'] = process.argv.slice(2)
  const child = fork(self, { execArgv: ['--max-semi-space-size=1', '--v8-pool-size=1'] })
  const [port] = await once(child, 'message')
  const script = join(tmpdir(), `hactl-bench-${process.pid}.lua`)
  await writeFile(script, `wrk.method = "${method}"\n`)
  try {
    const args = [
      '-t1',
      '-c32',
      `-d${seconds}s`,
      '--latency',
      '-s',
      script,
      `http://127.0.0.1:${String(port)}${path}`,
    ]
    const { stdout } = await run('wrk', args)
    const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])
    const p99 = /99%\s+([\d.]+(?:us|ms|s))/.exec(stdout)?.[1] ?? 'unknown'
    const bad = /Non-2xx or 3xx responses: \d+|Socket errors: .*/.exec(stdout)?.[0] ?? 'no errors'
    process.stdout.write(`${method} ${path}: ${Math.round(perSecond)} requests/s, p99 ${p99}, ${bad}\n`)
  } finally {
    child.disconnect()
  }
}
