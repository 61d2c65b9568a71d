// `node test/bench/load/lease-watch.ts ETCD_URL LEADER_KEY SECONDS`: how much is left of the leader's lease, looked at five times
// a second. Prints the least, in whole seconds as etcd tells it, and who held the key, as JSON.

import { setTimeout as sleep } from 'node:timers/promises'

const [url = '', key = '', secondsText = '10'] = process.argv.slice(2)
const endsAt = performance.now() + Number(secondsText) * 1000
const EVERY_MS = 200

const base64 = (text: string): string => Buffer.from(text).toString('base64')

async function post(path: string, body: object): Promise<Record<string, unknown>> {
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(2000),
  })
  return (await answer.json()) as Record<string, unknown>
}

async function look(): Promise<{ readonly leader: string; readonly leftSeconds: number } | null> {
  const { kvs } = await post('/v3/kv/range', { key: base64(key) })
  const [entry] = (kvs ?? []) as { readonly value: string; readonly lease?: string }[]
  if (entry?.lease === undefined) return null
  const { TTL } = await post('/v3/lease/timetolive', { ID: entry.lease })
  return { leader: Buffer.from(entry.value, 'base64').toString(), leftSeconds: Number(TTL ?? 0) }
}

let leastSeconds = Number.POSITIVE_INFINITY
let looks = 0
let withoutLeader = 0
let unanswered = 0
const leaders: string[] = []
while (performance.now() < endsAt) {
  try {
    const seen = await look()
    looks += 1
    if (seen === null) withoutLeader += 1
    else {
      leastSeconds = Math.min(leastSeconds, seen.leftSeconds)
      if (leaders.at(-1) !== seen.leader) leaders.push(seen.leader)
    }
  } catch {
    unanswered += 1
  }
  await sleep(EVERY_MS)
}
console.log(JSON.stringify({ leastSeconds, looks, withoutLeader, unanswered, leaders }))
