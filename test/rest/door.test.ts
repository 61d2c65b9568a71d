// Who gets in, whose turn it is, and how much reaches the agent: each with a clock of its own and without sockets.

import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, it, test } from 'vitest'
import { addressKey } from '../../src/rest/door/address-key.ts'
import { Bucket } from '../../src/rest/door/bucket.ts'
import { Doorkeeper } from '../../src/rest/door/doorkeeper.ts'
import { FairTurns, type Waiting } from '../../src/rest/door/fair-turns.ts'
import { placesFor } from '../../src/rest/door/places.ts'
import { Turnstile } from '../../src/rest/door/turnstile.ts'
import { systemClock } from '../../src/system/clock.ts'

class HandClock {
  nowMs = 0
  bootMs(): number {
    return this.nowMs
  }
}

class Client extends EventEmitter {
  static ports = 0
  readonly remoteAddress: string
  readonly remotePort = ++Client.ports
  destroyed = false

  constructor(remoteAddress: string) {
    super()
    this.remoteAddress = remoteAddress
  }
  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }
  get socket(): Socket {
    return this as unknown as Socket
  }
}

const nobody = (): boolean => false
const limits = {
  ...{ places: 10, placesOfAddress: 4 },
  ...{ rate: { perSecond: 10, atOnce: 100 }, replacing: { perSecond: 1, atOnce: 3 } },
}

test.each([
  ['10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:0db8:0:0:5:6:7:8', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['', ''],
])('%s counts as %s', (address, key) => {
  expect(addressKey(address)).toBe(key)
})

test('a bucket gives what it has, and fills again with time', () => {
  const bucket = new Bucket({ perSecond: 2, atOnce: 3 }, 0)
  expect([1, 2, 3, 4].map(() => bucket.take(1, 0))).toEqual([true, true, true, false])
  expect(bucket.take(1, 400)).toBe(false)
  expect(bucket.take(1, 500)).toBe(true)
  expect(bucket.isFull(1500)).toBe(false)
  expect(bucket.isFull(9000)).toBe(true)
  // A clock that stood still, or ran back, gives nothing.
  expect(bucket.take(4, 0)).toBe(false)
})

test.each([
  ['Max open files            1024                 524288               files', 341, 170],
  ['Max open files            524288               524288               files', 4000, 2000],
  ['Max open files            unlimited            unlimited            files', 4000, 2000],
  ['', 341, 170],
])('%s leaves the agent its descriptors', (limits, served, turnedAway) => {
  expect(placesFor(limits)).toEqual({ served, turnedAway })
})

describe('the door', () => {
  function door(isMember: (address: string) => boolean = nobody) {
    const clock = new HandClock()
    const keeper = new Doorkeeper(limits, isMember, clock)
    const enter = (address: string): Client => {
      const client = new Client(address)
      const why = keeper.admit(client.socket)
      if (why !== null) throw new Error(why)
      return client
    }
    return { clock, keeper, enter }
  }

  it('gives a newcomer the place of its own address that was silent longest', () => {
    const { keeper, enter } = door()
    const [first, second, third, fourth] = ['a', 'a', 'a', 'a'].map(enter)
    keeper.serving(first?.socket as Socket)
    enter('a')
    expect([first, second, third, fourth].map(client => client?.destroyed)).toEqual([
      false,
      true,
      false,
      false,
    ])
    expect(keeper.taken).toBe(4)
  })

  it('refuses an address whose connections are all in use, and lets it in when one is answered', () => {
    const { keeper, enter } = door()
    const answered = ['a', 'a', 'a', 'a'].map(enter).map(client => keeper.serving(client.socket))
    expect(() => enter('a')).toThrow('all its connections are in use')
    answered[2]?.()
    expect(() => enter('a')).not.toThrow()
  })

  it('when it is full, the address that holds most makes room, a member last', () => {
    const { keeper, enter } = door(address => address === 'm')
    const members = ['m', 'm', 'm', 'm'].map(enter)
    const greedy = ['a', 'a', 'a'].map(enter)
    const modest = ['b', 'b', 'c'].map(enter)
    enter('d')
    expect(greedy.map(client => client.destroyed)).toEqual([true, false, false])
    expect([...members, ...modest].some(client => client.destroyed)).toBe(false)
    expect(keeper.taken).toBe(10)
  })

  it('takes a member its place only when nobody else has one that can be taken', () => {
    const { keeper, enter } = door(address => address === 'm')
    const members = ['m', 'm', 'm', 'm'].map(enter)
    for (const address of ['a', 'a', 'a', 'b', 'b', 'b']) keeper.serving(enter(address).socket)
    enter('c')
    expect(members.map(client => client.destroyed)).toEqual([true, false, false, false])
  })

  it('refuses an address that connects too often, and no other', () => {
    const { clock, enter } = door()
    for (let turn = 0; turn < 100; turn += 1) enter('a').destroy()
    expect(() => enter('a')).toThrow('it connects too often')
    expect(() => enter('b')).not.toThrow()
    clock.nowMs += 100
    expect(() => enter('a')).not.toThrow()
  })

  it('does not let one that has all its places replace its own connections for ever', () => {
    const { clock, enter } = door()
    for (let turn = 0; turn < 4 + 3; turn += 1) enter('a')
    expect(() => enter('a')).toThrow('it has too many connections')
    clock.nowMs += 1000
    expect(() => enter('a')).not.toThrow()
    expect(() => enter('a')).toThrow('it has too many connections')
  })

  it('forgets who has gone: ten thousand addresses leave nothing', () => {
    const { clock, keeper, enter } = door()
    for (let host = 0; host < 10_000; host += 1) {
      clock.nowMs += 1000
      enter(`10.0.${host >> 8}.${host & 255}`).destroy()
    }
    expect(keeper.taken).toBe(0)
    expect(keeper.remembered).toBeLessThan(5001)
  })
})

describe('turns', () => {
  /** Clients that want as many turns as asked for. */
  async function order(wanted: readonly (readonly [address: string, turns: number])[]): Promise<string> {
    const turns = new FairTurns(systemClock())
    let taken = ''
    const done = wanted.map(([key, count]) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      let left = count
      const client: Waiting = {
        addressKey: key,
        takeTurn() {
          taken += key
          left -= 1
          if (left === 0) resolve()
          else turns.ask(client)
        },
      }
      turns.ask(client)
      return promise
    })
    await Promise.all(done)
    return taken
  }

  it('addresses take turns, however many connections one has', async () => {
    expect(
      await order([
        ['a', 2],
        ['a', 2],
        ['a', 2],
        ['b', 3],
      ]),
    ).toBe('abababaaa')
  })

  it('the connections of one address take turns as well', async () => {
    const turns = new FairTurns(systemClock())
    const taken: number[] = []
    const all = [1, 2, 3].map(number => ({ addressKey: 'a', takeTurn: () => void taken.push(number) }))
    for (const client of all) turns.ask(client)
    for (const client of all) turns.ask(client)
    turns.forget(all[1] as Waiting)
    for (let turn = 0; turn < 100 && taken.length < 2; turn += 1)
      await new Promise(resolve => setImmediate(resolve))
    expect(taken).toEqual([1, 3])
  })

  it('the event loop goes on between the turns of a client that never has enough', async () => {
    const turns = new FairTurns(systemClock())
    const over = new AbortController()
    let count = 0
    const endless: Waiting = {
      addressKey: 'a',
      takeTurn() {
        count += 1
        if (!over.signal.aborted) turns.ask(endless)
      },
    }
    turns.ask(endless)
    await new Promise(resolve => setTimeout(resolve, 20))
    over.abort()
    expect(count).toBeGreaterThan(1)
  })
})

describe('the turnstile to the agent', () => {
  /** Time passes only in waits. */
  class PassingClock extends HandClock {
    async sleep(ms: number, signal?: AbortSignal): Promise<void> {
      await new Promise(resolve => setImmediate(resolve))
      if (signal?.aborted !== true) this.nowMs += ms
    }
  }
  const stays = new AbortController().signal
  const turnstile = (isMember: (address: string) => boolean = nobody) => {
    const clock = new PassingClock()
    const stile = new Turnstile(isMember, clock)
    const enterMany = async (address: string, count: number) =>
      (await Promise.all(Array.from({ length: count }, () => stile.enter(address, stays)))).filter(
        leave => leave !== null,
      )
    return { clock, stile, enterMany }
  }

  it('lets so many of one address through at once; others wait, in vain if nobody leaves', async () => {
    const { clock, enterMany } = turnstile()
    expect(await enterMany('a', 100)).toHaveLength(16)
    expect(clock.nowMs).toBeGreaterThanOrEqual(5000)
  })

  it('lets the next one in when one has left, once for each', async () => {
    const { stile, enterMany } = turnstile()
    const [first] = await enterMany('a', 16)
    const next = stile.enter('a', stays)
    const last = stile.enter('a', stays)
    first?.()
    first?.()
    expect([await next, await last].filter(leave => leave !== null)).toHaveLength(1)
  })

  it('does not let too many wait, and nobody who has gone', async () => {
    const { stile, enterMany } = turnstile()
    await enterMany('a', 16)
    const gone = new AbortController()
    const leaving = stile.enter('a', gone.signal)
    gone.abort()
    expect(await leaving).toBe(null)
    const waiting = Array.from({ length: 64 }, () => stile.enter('a', stays))
    expect(await stile.enter('a', stays)).toBe(null)
    await Promise.all(waiting)
  })

  it('keeps places for members, in numbers and in time', async () => {
    const { enterMany } = turnstile(address => address === 'm')
    const strangers = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(address => enterMany(address, 16)))
    expect(strangers.flat()).toHaveLength(48)
    expect(await enterMany('m', 20)).toHaveLength(16)
  })

  it('lets a hundred through in a second, and members when the others have used that up', async () => {
    const { clock, stile } = turnstile(address => address === 'm')
    const passed = async (address: string): Promise<void> => (await stile.enter(address, stays))?.()
    for (let turn = 0; turn < 100; turn += 1) await passed('a')
    expect(clock.nowMs).toBe(0)
    for (let turn = 0; turn < 50; turn += 1) await passed('m')
    expect(clock.nowMs).toBe(0)
    for (let turn = 0; turn < 100; turn += 1) await passed('a')
    expect(clock.nowMs).toBeGreaterThanOrEqual(900)
    expect(clock.nowMs).toBeLessThan(1500)
  })
})
