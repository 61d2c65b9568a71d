// When a standby's recovery settings differ from what its upstream needs: too seldom leaves it behind a dead primary,
// too often restarts it without end. `C..` are rows of spec/postgres.md 10.2.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Json } from '../../src/model/cluster/cluster.ts'
import type { Upstream } from '../../src/model/cluster/peer.ts'
import { formatConninfo } from '../../src/postgres/settings/conninfo.ts'
import { type CurrentRecovery, compareRecovery } from '../../src/postgres/settings/recovery-comparison.ts'
import { type RecoverySettings, standbyRecovery } from '../../src/postgres/settings/recovery-settings.ts'
import { effectiveOf, LEADER, makeConfig } from './place.ts'

let root: string
let warnings: string[]
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hactl-recovery-'))
  warnings = []
})
afterEach(() => rm(root, { recursive: true, force: true }))

interface Case {
  readonly parameters?: Record<string, Json>
  readonly recoveryConf?: Record<string, Json>
  readonly upstream?: Upstream | null
  readonly majorVersion?: number
  readonly name?: string
  readonly options?: Record<string, string>
}

function wantedFor({
  parameters = {},
  recoveryConf = {},
  upstream = LEADER,
  majorVersion = 150000,
  name = 'pg-1',
  options = {},
}: Case) {
  const config = makeConfig(root)
  const replication = { ...config.authentication.replication, options }
  return standbyRecovery({
    effective: effectiveOf({ parameters, recoveryConf }),
    config: { ...config, authentication: { ...config.authentication, replication } },
    applicationName: name,
    upstream,
    majorVersion,
    version: majorVersion,
    warn: text => void warnings.push(text),
  })
}

/** A server in which everything is as `wanted` says, except for `changes`; contexts as in PostgreSQL 15. */
function serverWith(
  wanted: RecoverySettings,
  changes: Record<string, { text: string; elsewhere?: boolean }> = {},
  receiver: CurrentRecovery['receiver'] = null,
): CurrentRecovery {
  const { password: _, ...fields } = wanted.conninfo ?? {}
  const conninfo =
    wanted.conninfo === null ? '' : formatConninfo({ ...fields, passfile: join(root, 'pass') }, 150000)
  const names = ['archive_cleanup_command', 'promote_trigger_file', 'recovery_end_command', 'restore_command']
  const targets = ['', '_lsn', '_name', '_time', '_timeline', '_xid'].map(
    suffix => `recovery_target${suffix}`,
  )
  const all = [...names, ...targets, 'primary_slot_name', 'recovery_min_apply_delay']
  const texts: [string, string][] = all.map(name => [name, wanted.parameters.get(name) ?? ''])
  texts.push(['primary_conninfo', conninfo])
  const settings = texts.map(([name, text]) => {
    const change = changes[name]
    const setting = {
      text: change?.text ?? text,
      restart: targets.includes(name),
      elsewhere: change?.elsewhere ?? false,
    }
    return [name, setting] as const
  })
  return { settings: new Map(settings), receiver }
}

const passfile = (...lines: string[]) =>
  writeFile(join(root, 'pass'), lines.map(line => `${line}\n`).join(''))
const RIGHT_LINE = "127.0.0.1:54401:*:replicator:rep\\:pa'ss"
const NOTHING = { change: 'none', differing: [] }

test('the settings of a standby: its own targets are emptied, the operator cannot set them', () => {
  const wanted = wantedFor({
    recoveryConf: {
      restore_command: 'cp',
      recovery_target_time: '2020',
      recovery_target_action: 'promote',
      primary_conninfo: 'host=evil',
      primary_slot_name: 'evil',
      standby_mode: 'off',
      recovery_min_apply_delay: '5s',
      nonsense: 1,
    },
  })
  expect(wanted.parameters.sorted().map(({ name, value }) => `${name}=${value}`)).toEqual([
    'primary_slot_name=pg_1',
    'recovery_min_apply_delay=5s',
    'recovery_target=',
    'recovery_target_lsn=',
    'recovery_target_name=',
    'recovery_target_time=',
    'recovery_target_timeline=latest',
    'recovery_target_xid=',
    'restore_command=cp',
  ])
  expect(wanted.conninfo).toMatchObject({ host: '127.0.0.1', application_name: 'pg-1' })
  expect(warnings).toEqual(['recovery parameter "nonsense" is unknown to this PostgreSQL, removed'])
})

test('Q2: one recovery parameter among the ordinary ones replaces the whole section, and says so', () => {
  const wanted = wantedFor({
    parameters: { archive_cleanup_command: 'rm' },
    recoveryConf: { restore_command: 'cp' },
  })
  expect(wanted.parameters.get('restore_command')).toBeNull()
  expect(wanted.parameters.get('archive_cleanup_command')).toBe('rm')
  expect(warnings.join()).toContain('replace the whole section')
})

test('the old name of the trigger file is translated, and gone from 16 on', () => {
  const trigger = (majorVersion: number) =>
    wantedFor({ recoveryConf: { trigger_file: '/t' }, majorVersion }).parameters.get('promote_trigger_file')
  expect(trigger(150000)).toBe('/t')
  expect(trigger(160000)).toBeNull()
})

test('C37: without an upstream there is no primary_conninfo and no slot', async () => {
  const wanted = wantedFor({ upstream: null, recoveryConf: { restore_command: 'cp' } })
  expect(wanted.conninfo).toBeNull()
  expect(wanted.parameters.has('primary_slot_name')).toBe(false)
  expect(await compareRecovery(serverWith(wanted), wanted, 150000)).toEqual(NOTHING)
  const stale = serverWith(wanted, {
    primary_conninfo: { text: 'host=old' },
    primary_slot_name: { text: 'left' },
  })
  expect(await compareRecovery(stale, wanted, 150000)).toEqual({
    change: 'reload',
    differing: ['primary_conninfo'],
  })
})

test('everything as it should be', async () => {
  await passfile(RIGHT_LINE)
  const wanted = wantedFor({})
  expect(await compareRecovery(serverWith(wanted), wanted, 150000)).toEqual(NOTHING)
})

test('C33: any change is noticed; the context says whether a reload is enough', async () => {
  await passfile(RIGHT_LINE)
  const wanted = wantedFor({ recoveryConf: { restore_command: 'cp' } })
  const change = (name: string, text: string) =>
    compareRecovery(serverWith(wanted, { [name]: { text } }), wanted, 150000)
  expect(await change('restore_command', 'mv')).toEqual({ change: 'reload', differing: ['restore_command'] })
  expect(await change('primary_slot_name', 'x')).toEqual({
    change: 'reload',
    differing: ['primary_slot_name'],
  })
  expect(await change('recovery_target_name', 'x')).toEqual({
    change: 'restart',
    differing: ['recovery_target_name'],
  })
  expect(await change('recovery_target_timeline', '3')).toMatchObject({ change: 'restart' })
  expect(await change('primary_conninfo', '')).toMatchObject({ change: 'reload' })
  expect(await change('primary_conninfo', 'not a conninfo')).toMatchObject({ change: 'reload' })
})

test('C26: the delay is compared as a time', async () => {
  await passfile(RIGHT_LINE)
  const wanted = wantedFor({ recoveryConf: { recovery_min_apply_delay: '5s' } })
  const delayed = (text: string) => serverWith(wanted, { recovery_min_apply_delay: { text } })
  expect(await compareRecovery(delayed('5000'), wanted, 150000)).toEqual(NOTHING)
  expect(await compareRecovery(delayed('4000'), wanted, 150000)).toMatchObject({ change: 'reload' })
  const none = wantedFor({})
  expect(
    await compareRecovery(serverWith(none, { recovery_min_apply_delay: { text: '0' } }), none, 150000),
  ).toEqual(NOTHING)
})

test("C27: what only the operator's own file sets is left to it, except the upstream and the targets", async () => {
  await passfile(RIGHT_LINE)
  const wanted = wantedFor({})
  const compare = (name: string) =>
    compareRecovery(serverWith(wanted, { [name]: { text: 'x', elsewhere: true } }), wanted, 150000)
  expect(await compare('restore_command')).toEqual(NOTHING)
  expect(await compare('recovery_end_command')).toEqual(NOTHING)
  expect(await compare('primary_slot_name')).toMatchObject({ change: 'reload' })
  expect(await compare('recovery_target_name')).toMatchObject({ change: 'restart' })
})

/** As libpq reports it: unordered, with its defaults, the password masked and dbname replaced, nothing quoted. */
const RECEIVER =
  'user=replicator passfile=PASS password=******** channel_binding=prefer dbname=replication host=127.0.0.1 port=54401 ' +
  'application_name=pg-1 fallback_application_name=walreceiver sslmode=prefer sslcompression=0 sslsni=1 ' +
  'ssl_min_protocol_version=TLSv1.2 gssencmode=prefer krbsrvname=postgres target_session_attrs=any'
const receiver = (text = RECEIVER, slot = 'pg_1') => ({
  conninfo: text.replace('PASS', join(root, 'pass')),
  slot,
})

test('C36: an equivalent conninfo is the same, however it is written', async () => {
  await passfile(RIGHT_LINE)
  const wanted = wantedFor({})
  expect(await compareRecovery(serverWith(wanted, {}, receiver()), wanted, 150000)).toEqual(NOTHING)
  const uri = `postgresql://replicator@127.0.0.1:54401/?application_name=pg-1&passfile=${encodeURIComponent(join(root, 'pass'))}`
  const adopted = serverWith(wanted, { primary_conninfo: { text: uri } })
  expect(await compareRecovery(adopted, wanted, 150000)).toEqual(NOTHING)
})

test('C24: what the running WAL receiver uses counts, not what the file says by now', async () => {
  await passfile(RIGHT_LINE)
  const wanted = wantedFor({})
  const elsewhere = serverWith(wanted, {}, receiver(RECEIVER.replace('54401', '54409')))
  expect(await compareRecovery(elsewhere, wanted, 150000)).toMatchObject({ differing: ['primary_conninfo'] })
  expect(await compareRecovery(serverWith(wanted, {}, receiver(RECEIVER, '')), wanted, 150000)).toMatchObject(
    {
      differing: ['primary_slot_name'],
    },
  )
})

test('the masked password is not one: the configured one counts', async () => {
  const wanted = wantedFor({})
  const inline = {
    primary_conninfo: {
      text: "host=127.0.0.1 port=54401 user=replicator application_name=pg-1 password='rep:pa\\'ss'",
    },
  }
  const masked = receiver(RECEIVER.replace('passfile=PASS ', ''))
  expect(await compareRecovery(serverWith(wanted, inline, masked), wanted, 150000)).toEqual(NOTHING)
  const old = { primary_conninfo: { text: inline.primary_conninfo.text.replace('rep:', 'old:') } }
  expect(await compareRecovery(serverWith(wanted, old, masked), wanted, 150000)).toMatchObject({
    change: 'reload',
  })
})

test('the masked password of a key is none either', async () => {
  await passfile(RIGHT_LINE)
  const wanted = wantedFor({ options: { sslpassword: 'key55' } })
  const masked = receiver(`${RECEIVER} sslpassword=********`)
  expect(await compareRecovery(serverWith(wanted, {}, masked), wanted, 150000)).toEqual(NOTHING)
  const other = wantedFor({ options: { sslpassword: 'key56' } })
  expect(await compareRecovery(serverWith(wanted, {}, masked), other, 150000)).toMatchObject({
    change: 'reload',
  })
})

test('require_auth is for PostgreSQL 16 and newer', () => {
  const conninfo = (majorVersion: number) =>
    JSON.stringify(wantedFor({ options: { require_auth: 'scram-sha-256' }, majorVersion }))
  expect(conninfo(150000)).not.toContain('require_auth')
  expect(conninfo(160000)).toContain('"require_auth":"scram-sha-256"')
})

test('dbname counts from 17 on, and is the configured one', async () => {
  await passfile(RIGHT_LINE)
  const wanted = wantedFor({})
  const other = serverWith(wanted)
  const text = other.settings.get('primary_conninfo')?.text.replace('dbname=postgres', 'dbname=other') ?? ''
  const compare = (majorVersion: number) =>
    compareRecovery(serverWith(wanted, { primary_conninfo: { text } }, receiver()), wanted, majorVersion)
  expect(await compare(160000)).toEqual(NOTHING)
  expect(await compare(170000)).toMatchObject({ change: 'reload' })
})

test('C02: a new password shows in the passfile: another, one more, or none', async () => {
  const wanted = wantedFor({})
  const compare = () => compareRecovery(serverWith(wanted, {}, receiver()), wanted, 150000)
  expect(await compare()).toMatchObject({ change: 'reload' })
  await passfile('127.0.0.1:54401:*:replicator:old')
  expect(await compare()).toMatchObject({ change: 'reload' })
  await passfile(RIGHT_LINE, '127.0.0.1:54401:*:other:x')
  expect(await compare()).toMatchObject({ change: 'reload' })
  await passfile(RIGHT_LINE)
  expect(await compare()).toEqual(NOTHING)
})

test('a value that libpq reports unquoted does not cause reloads without end', async () => {
  await passfile(RIGHT_LINE)
  for (const name of ['my node', "it's", 'a b=c', 'back\\slash']) {
    const wanted = wantedFor({ name })
    const reported = receiver(RECEIVER.replace('application_name=pg-1', `application_name=${name}`))
    expect(await compareRecovery(serverWith(wanted, {}, reported), wanted, 150000)).toEqual(NOTHING)
  }
})
