// One real etcd in a directory of its own, for the tests of what is written through the API.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createEtcdStore } from '../../src/dcs/etcd/store.ts'
import type { Store } from '../../src/ports/store.ts'
import { freePort } from '../adapters/free-port.ts'
import { freeze } from '../freeze.ts'
import { memoryDirectory } from '../memory-directory.ts'
import { clock } from './node.ts'

export interface TestEtcd {
  /** A store of the cluster `scope` as `member` sees it; closed with the etcd. */
  store(scope: string, member: string): Store
  /** Makes it unreachable. */
  freeze(): Promise<void>
  thaw(): void
  stop(): Promise<void>
}

export async function startEtcd(): Promise<TestEtcd> {
  const folder = await memoryDirectory('hactl-rest-etcd-')
  const [client, peer] = [await freePort(), await freePort()]
  const [clientUrl, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`]
  const child = spawn(
    'etcd',
    [
      ...['--name', 'e0', '--data-dir', folder, '--listen-client-urls', clientUrl],
      ...['--advertise-client-urls', clientUrl, '--listen-peer-urls', peerUrl],
      ...['--initial-advertise-peer-urls', peerUrl, '--initial-cluster', `e0=${peerUrl}`],
    ],
    { stdio: 'ignore', env: { ...process.env, ETCD_UNSUPPORTED_ARCH: process.arch } },
  )
  const exited = once(child, 'exit')
  const stores: Store[] = []
  const store = (scope: string, member: string): Store => {
    const made = createEtcdStore({
      config: { endpoints: [{ host: '127.0.0.1', port: client }], tls: null, credentials: null },
      namespace: 'service',
      scope,
      member,
      clock,
      timings: { ttlMs: 60_000, retryTimeoutMs: 5000 },
      log: () => {},
    })
    stores.push(made)
    return made
  }
  const ready = store('ready', 'nobody')
  while (!(await ready.read(1000)).known) {
    if (child.exitCode !== null) throw new Error(`etcd ended with status ${child.exitCode}`)
    await clock.sleep(50)
  }
  return {
    store,
    async freeze() {
      if (child.pid !== undefined) await freeze(child.pid)
    },
    thaw: () => void child.kill('SIGCONT'),
    async stop() {
      await Promise.all(stores.map(one => one.close()))
      child.kill('SIGCONT')
      child.kill('SIGKILL')
      await exited
      await rm(folder, { recursive: true, force: true })
    },
  }
}
