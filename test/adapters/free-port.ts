// A TCP port on loopback for a server that binds it a while later. What the kernel chooses for a moment may be anybody's
// by then: these lie below its range, and each test worker has a part of its own.

import { createServer } from 'node:net'

const LOWEST = 10_000
const PARTS = 4
const PORTS_OF_A_PART = 5000

const part = Number(process.env.VITEST_POOL_ID ?? 0) % PARTS
const taken = new Set<number>()

/** Nobody listens on it, and this worker hands it out only once. Even: the port after it is nobody's. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = LOWEST + part * PORTS_OF_A_PART + 2 * Math.floor((Math.random() * PORTS_OF_A_PART) / 2)
    if (taken.has(port) || !(await isFree(port))) continue
    taken.add(port)
    return port
  }
  throw new Error('no free port')
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const listens = await new Promise<boolean>(resolve => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => resolve(true))
  })
  await new Promise(resolve => server.close(resolve))
  return listens
}
