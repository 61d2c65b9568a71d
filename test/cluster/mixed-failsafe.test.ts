// Failsafe mode in a cluster of nodes under hactl and under Patroni, both ways: with etcd away for 50 s, for all or for the
// leader alone, the leader of one program goes on by the word of members of the other; when it dies meanwhile, nobody leads
// before etcd is back.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bringBack, ledByLease, loseMajority, printFigures, throughout } from './harness/etcd-outage.ts'
import { superuserPassword } from './harness/member.ts'
import { bothToolsAgree, type MixedCluster, mixedTimings, setLiveCluster } from './harness/mixed.ts'
import { cut, heal, processesOn, signalHost } from './harness/network.ts'
import { fetchPatroni } from './harness/patroni.ts'
import { etcdctl, getText, httpStatus, restPort } from './harness/servers.ts'
import { nowMs, until } from './harness/until.ts'
import { createTable, lostRows, startWriter, type Writer } from './harness/writer.ts'

const ttlMs = mixedTimings.ttl * 1000
const ledAgainLimitMs = ttlMs + 2 * mixedTimings.loop_wait * 1000
const awayMs = 50_000
const longestPauseMs = 3000
/** What no standby may have received when the leader is killed. */
const inFlightMs = 1000
const names = ['pg1', 'pg2', 'pg3'] as const

// On a new machine it is downloaded first.
beforeAll(() => fetchPatroni(), 600_000)

describe.each([
  { pg1: 'hactl', pg2: 'patroni', pg3: 'patroni', how: 'killed' },
  { pg1: 'patroni', pg2: 'hactl', pg3: 'hactl', how: 'frozen' },
] as const)('$pg1 leads, $pg2 and $pg3 follow, two of three etcd members $how', ({ how, ...programs }) => {
  let mixed: MixedCluster

  beforeAll(async () => {
    mixed = await setLiveCluster(programs)
    await createTable(mixed.client, mixed.node('pg1').host)
    const edited = await mixed.ctl('hactl', ['edit-config', '-s', 'failsafe_mode=true', '--force'])
    expect(edited, edited.stderr).toMatchObject({ code: 0 })
    await allKnowEachOther(mixed)
  }, 300_000)

  afterAll(() => mixed.stage.close())

  test('etcd away for 50 s: the leader goes on, and no write is refused', async () => {
    const writer = await startWriting(mixed)
    const lost = await loseMajority(mixed, how)
    await throughout(awayMs, () => nobodyLeadsBut(mixed, 'pg1'))
    const document = JSON.parse(await getText(mixed.client, mixed.node('pg1').host, '/patroni'))
    expect(document).toMatchObject({ role: 'primary', failsafe_mode_is_active: true })
    const backMs = await bringBack(mixed, lost, how)
    const led = await ledByLease(mixed, 60_000)
    await mixed.healthy(60_000, 'pg1')
    await writer.nextAcknowledgement(20_000)
    const { longestGap, reigns } = await whatWasWritten(mixed, writer, 'pg1')
    printFigures(`${programs.pg1} leads in failsafe mode, etcd ${how} for ${awayMs} ms`, {
      'longest gap': longestGap.ms,
      'by lease again after': led.atMs - backMs,
    })
    expect(reigns).toHaveLength(1)
    expect(longestGap.ms).toBeLessThan(longestPauseMs)
    expect(led.atMs - backMs).toBeLessThan(ledAgainLimitMs)
    await bothToolsAgree(mixed)
  })

  test('the leader alone cannot reach etcd: it goes on, though its key expires before the eyes of the others', async () => {
    const writer = await startWriting(mixed)
    const { host } = mixed.node('pg1')
    await cut(host, { peers: mixed.etcd })
    await throughout(awayMs, () => nobodyLeadsBut(mixed, 'pg1'))
    const key = await etcdctl(mixed.client, ['get', '--print-value-only', '/service/test/leader'], mixed.etcd)
    expect(key).toBe('')
    await heal(host)
    const healedMs = nowMs()
    const led = await ledByLease(mixed, 60_000)
    await mixed.healthy(60_000, 'pg1')
    await writer.nextAcknowledgement(20_000)
    const { longestGap, reigns } = await whatWasWritten(mixed, writer, 'pg1')
    printFigures(`${programs.pg1} leads in failsafe mode, cut off from etcd for ${awayMs} ms`, {
      'longest gap': longestGap.ms,
      'by lease again after': led.atMs - healedMs,
    })
    expect(reigns).toHaveLength(1)
    expect(longestGap.ms).toBeLessThan(longestPauseMs)
    expect(led.atMs - healedMs).toBeLessThan(ledAgainLimitMs)
    await bothToolsAgree(mixed)
  })

  test('the leader is lost meanwhile: nobody leads before etcd is back', async () => {
    await allKnowEachOther(mixed)
    const writer = await startWriting(mixed)
    const lost = await loseMajority(mixed, how)
    const old = mixed.node('pg1')
    const goesOn = async () =>
      JSON.parse(await getText(mixed.client, old.host, '/patroni')).failsafe_mode_is_active === true
    await until('pg1 goes on by the word of its members', goesOn, ttlMs + 10_000, 200)
    await signalHost(old.host, 'SIGKILL')
    await until('pg1 is dead', async () => (await processesOn(old.host)).length === 0, 20_000)
    await throughout(2 * ttlMs, () => nobodyLeadsBut(mixed, 'nobody'))
    const backMs = await bringBack(mixed, lost, how)
    const led = await ledByLease(mixed, 90_000)
    await writer.nextAcknowledgement(30_000, old.host)
    await mixed.start('pg1')
    await mixed.healthy(90_000, led.name)
    const { longestGap } = await whatWasWritten(mixed, writer, led.name, 'crash')
    printFigures(`${programs.pg1} leads in failsafe mode, etcd ${how}, and is lost`, {
      'longest gap': longestGap.ms,
      'by lease again after': led.atMs - backMs,
    })
    expect(led.name).not.toBe('pg1')
    expect(led.atMs - backMs).toBeLessThan(ledAgainLimitMs)
    await bothToolsAgree(mixed)
    expect(await mixed.complaints()).toEqual([])
  }, 400_000)
})

/** The key names all members, and each has seen it. */
async function allKnowEachOther(mixed: MixedCluster): Promise<void> {
  for (const name of names) {
    const known = async () =>
      Object.keys(JSON.parse(await getText(mixed.client, mixed.node(name).host, '/failsafe'))).length === 3
    await until(`${name} knows all members`, known, 40_000, 500)
  }
}

async function startWriting(mixed: MixedCluster): Promise<Writer> {
  const addresses = names.map(name => `${mixed.node(name).host.address}:5432`)
  const writer = await startWriter(
    mixed.stage,
    mixed.client,
    { addresses, mode: 'all-at-once' },
    superuserPassword,
  )
  await writer.nextAcknowledgement(40_000)
  return writer
}

async function nobodyLeadsBut(mixed: MixedCluster, leader: string): Promise<void> {
  for (const name of names.filter(each => each !== leader)) {
    const { host } = mixed.node(name)
    const status = await httpStatus(mixed.client, `http://${host.address}:${restPort}/primary`)
    expect(status, `/primary of ${name}`).not.toBe(200)
  }
}

/** Asserts that one server wrote at a time and that nothing acknowledged is missing, but what was on its way in a crash. */
async function whatWasWritten(mixed: MixedCluster, writer: Writer, leader: string, end?: 'crash') {
  const summary = await writer.finish()
  expect(summary.twoWriters).toEqual([])
  const missing = await lostRows(writer, mixed.client, mixed.node(leader).host)
  const excusedFromMs = end === 'crash' ? (summary.reigns[0]?.lastMs ?? 0) - inFlightMs : Infinity
  expect(missing.filter(({ acknowledgedMs }) => acknowledgedMs < excusedFromMs)).toEqual([])
  return summary
}
