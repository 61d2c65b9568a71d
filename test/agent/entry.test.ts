// When a starting agent takes part: not while another node has its name, whether that one answers or only lives in etcd.

import { expect, test } from 'vitest'
import { createEntry } from '../../src/agent/entry.ts'
import type { Fencer } from '../../src/ports/fencer.ts'
import type { Store } from '../../src/ports/store.ts'
import type { RestServer } from '../../src/rest/server.ts'
import { hostIdentity, isOwnAddress } from '../../src/system/host-identity.ts'
import { member, self as plainSelf, view } from '../exhaustive/parts.ts'

const self = { ...plainSelf, host: 'here' }

/** An entry whose etcd shows `held` for our own name, or nothing, and what came of it. */
function entryWith(held: { readonly leaseId: string; readonly host?: string } | null, answers: boolean) {
  const told: string[] = []
  let current = held
  const key = () => ({
    ...member(self.name, 'replica', { extra: { hactl: { host: current?.host ?? 'there' } } }),
    leaseId: current?.leaseId ?? null,
  })
  const entry = createEntry({
    self: () => self,
    store: { read: async () => view({ members: current === null ? [] : [key()] }) } as unknown as Store,
    peers: { ask: async () => new Map(), answers: async () => answers },
    rest: { start: async () => void told.push('listens') } as unknown as RestServer,
    fencer: { notify: (text: string) => void told.push(text) } as unknown as Fencer,
    exit: (code, why) => void told.push(`exit ${code}: ${why}`),
  })
  return { entry, told, release: () => (current = null) }
}

test('a silent node of this name is waited for, until its key is gone', async () => {
  const { entry, told, release } = entryWith({ leaseId: '999' }, false)
  expect(await entry.enter()).toBe('name-held')
  expect(await entry.enter()).toBe('name-held')
  expect(told).toEqual([])
  release()
  expect(await entry.enter()).toBe('entered')
  expect(told).toEqual(['listens', 'READY=1'])
})

test('one that answers is not waited for', async () => {
  const { entry, told } = entryWith({ leaseId: '999' }, true)
  await entry.enter()
  expect(told).toEqual([expect.stringMatching(/^exit 1: Can't start; there is already a node named/)])
})

test('its own former life is nobody else', async () => {
  const { entry } = entryWith({ leaseId: '999', host: 'here' }, false)
  expect(await entry.enter()).toBe('entered')
})

test('an identity is the same in each life of an agent, and another one for another state directory', async () => {
  const [first, again, other] = await Promise.all(
    ['/var/lib/a', '/var/lib/a/', '/var/lib/b'].map(hostIdentity),
  )
  expect(again).toBe(first)
  expect(other).not.toBe(first)
  expect(first).toMatch(/^[0-9a-f]{16}$/)
})

test('addresses of this machine, and others', async () => {
  expect(await Promise.all(['127.0.0.1', '[::1]', 'localhost'].map(isOwnAddress))).toContain(true)
  expect(await isOwnAddress('192.0.2.1')).toBe(false)
})
