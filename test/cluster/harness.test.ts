// The harness of the cluster tests, tried on plain servers: if it could not cut, kill and count, no test that uses it
// would prove anything.

import { afterEach, describe, expect, test } from 'vitest'
import { freeze } from '../freeze.ts'
import { findTwoWriters, longestGap, parseAcknowledgements, summarise } from './harness/acknowledgements.ts'
import { cut, heal, processesOn, runOn, signalHost, unplug } from './harness/network.ts'
import { etcdctl, query, startEtcd, startEtcdMember, startPlainPostgres } from './harness/servers.ts'
import { type Stage, setStage } from './harness/stage.ts'
import { nowMs, until } from './harness/until.ts'
import { createTable, lostRows, startWriter } from './harness/writer.ts'

let stage: Stage | undefined

afterEach(async () => {
  await stage?.close()
  stage = undefined
})

async function set(...names: readonly string[]): Promise<Stage> {
  stage = await setStage(names)
  return stage
}

describe('network', () => {
  test('hosts reach each other until they are cut, whole, in part, in one direction', async () => {
    const { host } = await set('a', 'b', 'c')
    const [a, b, c] = [host('a'), host('b'), host('c')]
    // An ARP answer needs only the link; a TCP answer (refused: nobody listens) needs packets both ways.
    const reaches = async (from: typeof a, to: typeof a) => {
      const probe = ['bash', '-c', `timeout 0.5 bash -c '</dev/tcp/${to.address}/9' 2>&1; true`]
      return (await runOn(from, probe)).includes('refused')
    }
    // A first packet may wait for the link; where none arrives, one try of half a second says so.
    const reachesSoon = (from: typeof a, to: typeof a) =>
      until(`${from.name} reaches ${to.name}`, () => reaches(from, to), 10_000, 100)
    await reachesSoon(a, b)
    await cut(a)
    expect([await reaches(a, b), await reaches(b, a)]).toEqual([false, false])
    await reachesSoon(b, c)
    await cut(a, { peers: [b] })
    expect(await reaches(a, b)).toBe(false)
    await reachesSoon(a, c)
    // Answers to a's own requests do not come in either, so one direction is seen in who still hears whom.
    await cut(a, { direction: 'in' })
    expect([await reaches(a, b), await reaches(b, a)]).toEqual([false, false])
    await heal(a)
    await reachesSoon(a, b)
    await reachesSoon(b, a)
    await unplug(a)
    expect([await reaches(a, b), await reaches(b, a)]).toEqual([false, false])
    await heal(a)
    await reachesSoon(a, b)
  })

  test('a cut host still reaches itself', async () => {
    const { host } = await set('a', 'b')
    await cut(host('a'))
    const probe = ['bash', '-c', `timeout 5 bash -c '</dev/tcp/127.0.0.1/9' 2>&1; true`]
    expect(await runOn(host('a'), probe)).toContain('refused')
  })
})

describe('etcd', () => {
  test('three members, one killed with its host, one more stopped: no quorum; continued: quorum', async () => {
    const on = await set('a', 'b', 'c')
    const [a, b, c] = on.hosts
    if (a === undefined || b === undefined || c === undefined) throw new Error('three hosts')
    const [, second] = await startEtcd(on, on.hosts)
    await signalHost(c, 'SIGKILL')
    await until('c is empty', async () => (await processesOn(c)).length === 0, 20_000)
    await until('two of three take a write', () => etcdctl(a, ['put', 'early', '1'], [a, b]), 30_000)
    if (second === undefined) throw new Error('no second member')
    await freeze(second.pid)
    // Each has a key of its own: a write that nobody answered may still be carried out, even after the next one.
    await expect(etcdctl(a, ['put', 'unanswered', '2'], [a])).rejects.toThrow(/deadline|timed out/)
    second.signal('SIGCONT')
    await until('quorum again', () => etcdctl(a, ['put', 'late', '3'], [a, b]), 40_000)
    await startEtcdMember(on, c, on.hosts)
    await until('c serves again', async () => (await etcdctl(c, ['get', 'late'], [c])).includes('3'), 40_000)
  })
})

describe('writer', () => {
  test('counts acknowledgements and measures the gap while its server is frozen, and finds what was lost', async () => {
    const { host } = await set('server', 'client')
    const [server, client] = [host('server'), host('client')]
    if (stage === undefined) throw new Error('no stage')
    const postgres = await startPlainPostgres(stage, server)
    await createTable(client, server)
    const writer = await startWriter(stage, client, { addresses: [`${server.address}:5432`] })
    const busy = async () => (await writer.acknowledgements()).length > 20
    await until('the writer is under way', busy, 40_000)

    await signalHost(server, 'SIGSTOP')
    const frozenMs = nowMs()
    const givesUp = async () =>
      (await writer.notes()).some(({ atMs, text }) => atMs > frozenMs && text.includes('within'))
    await until('the writer gives its connection up', givesUp, 20_000)
    // Longer than the machine itself stands still at another time.
    const endMs = nowMs() + 2000
    await until('frozen for 2 s more', () => nowMs() > endMs, 10_000)
    const continuedMs = nowMs()
    await signalHost(server, 'SIGCONT')
    const first = await writer.nextAcknowledgement(30_000)
    expect(first).toMatchObject({ server: server.address, timeline: 1 })

    const summary = await writer.finish()
    expect(summary.acknowledged).toBeGreaterThan(10)
    expect(summary.longestGap.ms).toBeGreaterThan(2900)
    expect(summary.longestGap.fromMs).toBeLessThan(continuedMs)
    expect(summary.longestGap.toMs).toBeGreaterThan(continuedMs)
    expect(summary.reigns).toHaveLength(1)
    expect(summary.twoWriters).toEqual([])

    expect(await lostRows(writer, client, server)).toEqual([])
    const [victim] = await writer.acknowledgements()
    await query(client, server, `delete from acknowledged where row = ${victim?.row}`)
    expect(await lostRows(writer, client, server)).toEqual([victim])
    await postgres.stop('SIGINT')
  })

  test('sees two servers that accept writes at the same time', async () => {
    const { host } = await set('left', 'right', 'client')
    const [left, right, client] = [host('left'), host('right'), host('client')]
    if (stage === undefined) throw new Error('no stage')
    for (const server of [left, right]) {
      await startPlainPostgres(stage, server)
      await createTable(client, server)
    }
    const addresses = [left, right].map(({ address }) => `${address}:5432`)
    const writer = await startWriter(stage, client, { addresses, mode: 'all-at-once' })
    const servers = async () => new Set((await writer.acknowledgements()).map(({ server }) => server)).size
    await until('both servers acknowledged', async () => (await servers()) === 2, 40_000)
    expect((await writer.finish()).twoWriters.length).toBeGreaterThan(0)
  })
})

describe('acknowledgements', () => {
  const told = (row: number, ms: number, server: string, timeline: number) => ({
    row,
    sentMs: ms,
    acknowledgedMs: ms + 1,
    server,
    timeline,
    executedMs: ms,
  })

  test('a failover and back is no case of two writers, an old timeline after a new one is', () => {
    const honest = [told(1, 10, 'a', 1), told(2, 20, 'b', 2), told(3, 30, 'a', 3)]
    expect(summarise(honest)).toMatchObject({ acknowledged: 3, twoWriters: [] })
    expect(summarise(honest).reigns.map(({ server }) => server)).toEqual(['a', 'b', 'a'])
    expect(findTwoWriters([...honest, told(4, 25, 'a', 1)])).toMatchObject([
      { old: { row: 4 }, newer: { row: 2 } },
    ])
  })
  test('the longest gap, and a last line that was cut off', () => {
    expect(longestGap([told(1, 10, 'a', 1), told(2, 15, 'a', 1), told(3, 90, 'a', 1)])).toMatchObject({
      ms: 75,
    })
    expect(longestGap([])).toMatchObject({ ms: 0 })
    expect(parseAcknowledgements(`${JSON.stringify(told(1, 2, 'a', 1))}\n{"row":`)).toHaveLength(1)
  })
})
