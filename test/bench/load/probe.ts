// `node test/bench/load/probe.ts URL SECONDS`: a load balancer's health check, twenty times a second, each on a new
// connection with a limit of one second. Prints how long they took and how many failed.

import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'

const [url = '', secondsText = '10'] = process.argv.slice(2)
const endsAt = performance.now() + Number(secondsText) * 1000
const LIMIT_MS = 1000
const EVERY_MS = 50

const times: number[] = []
let failed = 0
const reasons: Record<string, number> = {}

function fails(why: string): void {
  failed += 1
  reasons[why] = (reasons[why] ?? 0) + 1
}

function check(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const startedAt = performance.now()
  const send = url.startsWith('https:') ? requestHttps : requestHttp
  const request = send(url, { method: 'OPTIONS', agent: false, rejectUnauthorized: false }, response => {
    response.resume()
    response.once('end', () => {
      times.push(performance.now() - startedAt)
      if (response.statusCode !== 200) fails(String(response.statusCode))
      resolve()
    })
  })
  request.setTimeout(LIMIT_MS, () => request.destroy(new Error('too late')))
  request.once('error', (error: NodeJS.ErrnoException) => {
    fails(error.code ?? error.message)
    resolve()
  })
  request.end()
  return promise
}

const checks: Promise<void>[] = []
while (performance.now() < endsAt) {
  checks.push(check())
  await sleep(EVERY_MS)
}
await Promise.all(checks)
times.sort((a, b) => a - b)
const quantile = (share: number): number =>
  times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN
console.log(
  JSON.stringify({
    checks: checks.length,
    failed,
    p50: quantile(0.5),
    p99: quantile(0.99),
    worst: quantile(1),
    reasons,
  }),
)
