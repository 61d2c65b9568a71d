// When logins are tried, and what is a fact of the next snapshot then.

import { expect, test } from 'vitest'
import { createLoginWatch } from '../../src/agent/beside/login-watch.ts'
import { createTroubleLog } from '../../src/agent/trouble-log.ts'
import { trouble } from '../../src/decide/report/trouble.ts'
import type { Snapshot } from '../../src/model/decision/snapshot.ts'
import { type Seen, seen, unseen } from '../../src/model/seen.ts'
import { base, leaderKey, member, memory, running, server, silent, view } from '../exhaustive/parts.ts'

const standby: Snapshot = {
  ...base,
  cluster: view({
    leader: leaderKey('pg2'),
    members: [member('pg1', 'replica'), member('pg2', 'primary')],
  }),
  postgres: {
    ...base.postgres,
    process: running('accepting'),
    server: server(true, { walReceiver: { status: 'streaming', receivedTimeline: 1, latestEndLsn: 1n } }),
  },
}
const LET_IN = seen(null, 0)
const REFUSED = seen('password authentication failed', 0)

/** pg1, a standby of pg2, where the replication account gets `answer`. */
function watched() {
  const lines: string[] = []
  const causes: string[] = []
  let nowMs = 0
  let tries = 0
  let answer: Seen<string | null> = LET_IN
  const watch = createLoginWatch({
    clock: { bootMs: () => nowMs },
    wake: cause => void causes.push(cause),
    failed: why => void lines.push(why),
    postgres: {
      tryLogins: async question => {
        tries += 1
        const where = question.upstream?.name ?? 'pg1'
        return [{ account: 'replication', user: 'replicator', server: where, refusal: answer }]
      },
    },
  })
  const say = (level: string) => (text: string) => void lines.push(`${level} ${text}`)
  const log = { debug: say('DEBUG'), info: say('INFO'), warning: say('WARNING'), error: say('ERROR') }
  const tell = createTroubleLog({ log, serverLog: '' })
  return {
    watch,
    lines,
    causes,
    tries: () => tries,
    answers: (next: Seen<string | null>) => {
      answer = next
    },
    /** A beat at this second, and the try that it may begin. */
    at: async (second: number, snapshot: Snapshot = standby) => {
      nowMs = second * 1000
      watch.consider(snapshot)
      await new Promise(resolve => setImmediate(resolve))
      const next = { ...snapshot, nowMs: base.nowMs + nowMs, logins: watch.view() }
      tell(next, memory)
      return trouble({ snap: next, memory })
    },
  }
}

const TROUBLE = {
  id: 'login',
  text: 'the replication account replicator cannot log in at pg2 (password authentication failed): after a switchover this node could not follow. HINT: Put the new password into its YAML file and reload',
}

test('once a minute, and not while something else goes on', async () => {
  const { at, tries } = watched()
  const work: Snapshot['work'] = {
    ...({ job: { kind: 'follow' } } as unknown as NonNullable<Snapshot['work']>),
  }
  await at(0, { ...standby, work })
  await at(1, { ...standby, postgres: { ...standby.postgres, server: silent } })
  await at(2, { ...standby, stopRequested: true })
  expect(tries()).toBe(0)
  for (let second = 10; second <= 310; second += 10) await at(second)
  expect(tries()).toBe(5)
})

test('a refusal counts when it was confirmed after ten seconds; then it is told once, and once when it is over', async () => {
  const { answers, at, causes, lines, tries } = watched()
  answers(REFUSED)
  expect(await at(0)).toBe(null)
  expect(await at(5)).toBe(null)
  expect(tries()).toBe(1)
  expect(await at(10)).toEqual(TROUBLE)
  expect([tries(), causes.length]).toEqual([2, 1])
  await at(30)
  expect(tries()).toBe(2)
  // Who does not answer has not said that it is over.
  answers(unseen('not reachable'))
  expect((await at(80))?.id).toBe('login')
  answers(LET_IN)
  expect(await at(150)).toBe(null)
  expect(lines).toEqual([`WARNING ${TROUBLE.text}`, 'INFO every account can log in again'])
})

test('refused once: a rotation that goes on', async () => {
  const { answers, at, lines } = watched()
  answers(REFUSED)
  await at(0)
  answers(LET_IN)
  expect(await at(10)).toBe(null)
  answers(REFUSED)
  expect(await at(80)).toBe(null)
  expect(lines).toEqual([])
})

test('after a reload at once, but not as often as somebody reloads', async () => {
  const { answers, at, tries, watch } = watched()
  answers(REFUSED)
  await at(0)
  expect((await at(10))?.id).toBe('login')
  answers(LET_IN)
  watch.reloaded()
  expect((await at(11))?.id).toBe('login')
  expect(await at(12)).toBe(null)
  await at(30)
  expect(tries()).toBe(3)
})

test('who is followed no more does not matter', async () => {
  const { answers, at } = watched()
  answers(REFUSED)
  await at(0)
  expect((await at(10))?.id).toBe('login')
  const led = view({ leader: leaderKey('pg1') })
  expect(await at(11, { ...standby, cluster: led })).toBe(null)
})
