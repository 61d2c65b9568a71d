// Requests that are refused, and floods of any kind, take a bounded part of the log: docs/security.md says which lines
// there are.

import { afterEach, describe, expect, it } from 'vitest'
import { RequestLog } from '../../src/rest/request-log.ts'
import { Lines, type Running, startServer } from './node.ts'

let running: Running | null = null
afterEach(() => running?.server.stop())

/** Minutes that pass when the test says so. */
class Minutes {
  #sleepers: (() => void)[] = []
  sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      this.#sleepers.push(resolve)
      signal?.addEventListener('abort', () => resolve())
    })
  }
  async pass(): Promise<void> {
    const woken = this.#sleepers
    this.#sleepers = []
    for (const wake of woken) wake()
    await new Promise(setImmediate)
  }
  get sleepers(): number {
    return this.#sleepers.length
  }
}

function start(): { log: Lines; minutes: Minutes; requests: RequestLog } {
  const log = new Lines()
  const minutes = new Minutes()
  return { log, minutes, requests: new RequestLog(log, minutes) }
}

describe('a server', () => {
  it('tells the first refusal and the count, and every one at DEBUG', async () => {
    running = await startServer({ config: { credentials: { username: 'admin', password: 'secret' } } })
    for (let sent = 0; sent < 50; sent += 1) {
      const answer = await fetch(`${running.base}/switchover`, { method: 'POST', body: '{"leader": "a"}' })
      expect(answer.status).toBe(401)
    }
    await running.server.stop()
    expect(running.log.above('DEBUG')).toEqual([
      'INFO REST API: refused POST /switchover (401) from 127.0.0.1; more are counted, and told once a minute',
      'INFO REST API: 127.0.0.1 within a minute: 49 more requests refused, the last one POST /switchover (401)',
    ])
    const refused = (line: string) => line.startsWith('DEBUG REST API: refused POST /switchover (401)')
    expect(running.log.all.filter(refused)).toHaveLength(50)
  })

  it('counts an address that is not allowed, and garbage', async () => {
    running = await startServer({ config: { allowlist: ['10.9.8.7'] } })
    await fetch(`${running.base}/reload`, { method: 'POST' })
    await running.server.stop()
    expect(running.log.above('DEBUG')[0]).toMatch(/refused POST \/reload \(403\) from 127.0.0.1;/)
    running = await startServer()
    for (let sent = 0; sent < 20; sent += 1)
      await fetch(`${running.base}/failover`, { method: 'POST', body: '{{{' })
    expect(running.log.above('DEBUG')).toEqual([
      'INFO REST API: refused POST /failover (400) from 127.0.0.1; more are counted, and told once a minute',
    ])
  })

  it('without a password, bounds what requests that are done write', async () => {
    running = await startServer()
    for (let sent = 0; sent < 100; sent += 1) await fetch(`${running.base}/restart`, { method: 'POST' })
    await running.server.stop()
    const lines = running.log.above('DEBUG')
    expect(lines).toHaveLength(31)
    expect(lines[0]).toMatch(/received a request to restart from a client at 127.0.0.1/)
    expect(lines.at(-1)).toBe('INFO REST API: 127.0.0.1 within a minute: 170 more lines only at level DEBUG')
  })
})

describe('minutes', () => {
  it('tell counts until one is quiet; then the next refusal is told at once again', async () => {
    const { log, minutes, requests } = start()
    const refuse = () => requests.answered('10.0.0.1', 'POST /restart', 401)
    refuse()
    refuse()
    refuse()
    await minutes.pass()
    refuse()
    await minutes.pass()
    await minutes.pass()
    expect(minutes.sleepers).toBe(0)
    refuse()
    expect(minutes.sleepers).toBe(1)
    const first =
      'INFO REST API: refused POST /restart (401) from 10.0.0.1; more are counted, and told once a minute'
    const counted = (count: number) =>
      `INFO REST API: 10.0.0.1 within a minute: ${count} more requests refused, the last one POST /restart (401)`
    expect(log.above('DEBUG')).toEqual([first, counted(2), counted(1), first])
    requests.stop()
  })

  it('a refusal because of the cluster is no fault of the client, and has its own line', () => {
    const { log, requests } = start()
    for (const status of [200, 202, 404, 409, 412, 503])
      requests.answered('10.0.0.1', 'POST /failover', status)
    requests.stop()
    expect(log.above('DEBUG')).toHaveLength(6)
  })

  it('are bounded in addresses too: the rest are counted as one', async () => {
    const { log, minutes, requests } = start()
    for (let address = 0; address < 5000; address += 1)
      requests.answered(`fd00::${address.toString(16)}`, 'POST /restart', 401)
    expect(log.above('DEBUG')).toHaveLength(51)
    await minutes.pass()
    expect(log.above('DEBUG').slice(51)).toEqual([
      'INFO REST API: other addresses within a minute: 4949 more requests refused, the last one POST /restart (401)',
    ])
    requests.stop()
  })
})
