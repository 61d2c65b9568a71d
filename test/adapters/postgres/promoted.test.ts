// A server that somebody promotes by hand: told at once, also after the data directory was replaced, and by nothing else.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clock, type Lab, type Node, ok, openLab, signalIdle, until } from './postgres-harness.ts'

/** A quiet machine takes some 20 ms. No beat runs here, so that nothing else could tell, however late. */
const AT_ONCE_MS = 10_000

let lab: Lab
let a: Node
let b: Node

beforeAll(async () => {
  lab = await openLab()
  a = await lab.primary('a')
  b = await lab.standby('b', a)
})
afterAll(() => lab.close())

/** How many times it was told since now, and when first. */
function listen(node: Node) {
  const told: number[] = []
  node.postgres.onLeftRecovery(() => told.push(clock.bootMs()))
  return told
}

async function promoteByHand(node: Node): Promise<number> {
  expect(await node.query('SELECT pg_promote(true) AS promoted')).toEqual([{ promoted: true }])
  return clock.bootMs()
}

describe('a standby that is promoted by hand', () => {
  test('is told as soon as it accepts writes', async () => {
    await b.see()
    const told = listen(b)
    const promotedAtMs = await promoteByHand(b)
    await until('the end of recovery is told', async () => told.length > 0, AT_ONCE_MS)
    expect((told[0] ?? Number.POSITIVE_INFINITY) - promotedAtMs).toBeLessThan(AT_ONCE_MS)
    expect(await b.server()).toMatchObject({ inRecovery: false })
    await b.query('CREATE TABLE written_by_hand ()')
  })

  test('is told on a directory that took the place of the first one', async () => {
    await b.stop()
    ok(await b.postgres.setDataDirectoryAside())
    await b.see()
    ok(await b.postgres.basebackup(a.upstream, signalIdle(), () => {}))
    await b.start({ as: 'standby', upstream: { ...a.upstream, slot: null } })
    await b.see()
    const told = listen(b)
    await promoteByHand(b)
    await until('the end of recovery is told', async () => told.length > 0, AT_ONCE_MS)
  })

  test('is told by an adapter that found it running', async () => {
    const c = await lab.standby('c', a)
    const again = c.again()
    await again.look(5000)
    const told: number[] = []
    again.onLeftRecovery(() => told.push(clock.bootMs()))
    await promoteByHand(c)
    await until('the end of recovery is told', async () => told.length > 0, AT_ONCE_MS)
    await again.close()
  })
})

describe('nothing is told', () => {
  test('of a server that starts as a primary or a standby, or is removed', async () => {
    const d = await lab.standby('d', a)
    await d.see()
    const told = listen(d)
    await d.stop()
    await d.start({ as: 'standby', upstream: { ...a.upstream, slot: null } })
    await d.see()
    await d.stop()
    ok(await d.postgres.removeDataDirectory())
    expect((await d.see()).dataDirectory.kind).toBe('empty')
    expect(told).toEqual([])
    expect(d.messages.filter(line => line.includes('cannot be watched'))).toEqual([])
  })
})
