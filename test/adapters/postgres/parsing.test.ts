// What PostgreSQL's programs print and write, read by the adapter: samples of several versions, and broken ones.

import { describe, expect, test } from 'vitest'
import { parseControlData } from '../../../src/postgres/data/control-data.ts'
import { parseHistory } from '../../../src/postgres/data/data-directory.ts'
import { expandCommand } from '../../../src/postgres/rewind/archive-ready.ts'
import { missingWalFile } from '../../../src/postgres/rewind/rewind.ts'
import { optionArguments, splitCommand } from '../../../src/postgres/server/command-line.ts'
import { type LocalEnd, walkHistory } from '../../../src/postgres/wal/timelines.ts'
import { parseEndOfLastRecord, parseWalRecord } from '../../../src/postgres/wal/wal-records.ts'

const CONTROL = `pg_control version number:            1300
Database system identifier:           7710955613899059416
Database cluster state:               shut down in recovery
Latest checkpoint location:           1/4000028
Latest checkpoint's REDO WAL file:    000000020000000100000004
Latest checkpoint's TimeLineID:       2
Minimum recovery ending location:     1/40000A0
Min recovery ending loc's timeline:   2
wal_log_hints setting:                off
max_connections setting:              100
max_wal_senders setting:              10
Data page checksum version:           1
`

describe('pg_controldata', () => {
  test('all that is used', () => {
    expect(parseControlData(CONTROL)).toEqual({
      systemIdentifier: '7710955613899059416',
      state: 'shut down in recovery',
      checkpointLsn: 0x1_04000028n,
      checkpointTimeline: 2,
      minRecoveryLsn: 0x1_040000a0n,
      minRecoveryTimeline: 2,
      walLogHints: false,
      dataChecksums: true,
      settings: {
        maxConnections: 100,
        maxWorkerProcesses: null,
        maxWalSenders: 10,
        maxPreparedTransactions: null,
        maxLocksPerTransaction: null,
      },
      redoWalFile: '000000020000000100000004',
    })
  })

  test('(P39) warnings without a colon are passed over; "Current " of old versions is dropped', () => {
    const text = `WARNING possible byte ordering mismatch\n${CONTROL.replace('wal_log_hints setting:', 'Current wal_log_hints setting:').replace('   off', '   on')}`
    expect(parseControlData(text)).toMatchObject({ walLogHints: true })
  })

  test('a copy whose replay has not reached the end of its backup', () => {
    const at = (lsn: string) => parseControlData(`${CONTROL}\nBackup start location:                ${lsn}\n`)
    expect(at('0/2000028')).toMatchObject({ unfinishedBackup: true })
    expect(at('0/0')).not.toHaveProperty('unfinishedBackup')
  })

  test('(P34) without a value that everything needs, or with a nonsense identifier: null', () => {
    expect(parseControlData('')).toBeNull()
    expect(parseControlData(CONTROL.replace(/^Latest checkpoint location.*$/m, ''))).toBeNull()
    expect(parseControlData(CONTROL.replace('7710955613899059416', '0'))).toBeNull()
  })
})

describe('history files', () => {
  test('three fields, blank lines and comments between them, reasons with blanks', () => {
    const text =
      '1\t0/5000000\tno recovery target specified\n\n# a comment\n2\t1/A0\tat restore point "x y"\n'
    expect(parseHistory(text)).toEqual([
      { timeline: 1, lsn: 0x5000000n, reason: 'no recovery target specified' },
      { timeline: 2, lsn: 0x1_000000a0n, reason: 'at restore point "x y"' },
    ])
    expect(parseHistory('')).toEqual([])
  })
})

describe('pg_waldump', () => {
  const checkpoint =
    'rmgr: XLOG        len (rec/tot):    114/   114, tx:          0, lsn: 0/04000028, prev 0/03000060, desc: CHECKPOINT_SHUTDOWN redo 0/4000028; tli 1; shutdown'

  test('a record line, padded positions', () => {
    expect(parseWalRecord(checkpoint)).toEqual({
      resourceManager: 'XLOG',
      lsn: 0x4000028n,
      previousLsn: 0x3000060n,
      description: 'CHECKPOINT_SHUTDOWN redo 0/4000028; tli 1; shutdown',
    })
    expect(parseWalRecord('nonsense')).toBeNull()
  })

  test.each([
    [
      '(R04) 9.5',
      'pg_xlogdump: FATAL:  error in WAL record at 0/4000028: invalid record length at 0/40000A0',
    ],
    [
      '9.6 to 15',
      'pg_waldump: error: error in WAL record at 0/4000028: invalid record length at 0/40000A0: wanted 24, got 0',
    ],
    [
      '(R05) 16 and later',
      'pg_waldump: error: error in WAL record at 0/4000028: invalid record length at 0/40000A0: expected at least 24, got 0',
    ],
    [
      '19, padded',
      'pg_waldump: error: error in WAL record at 0/04000028: invalid record length at 0/040000A0: expected at least 24, got 0',
    ],
  ])('end of the last record: %s', (_version, complaint) => {
    expect(parseEndOfLastRecord(`${checkpoint}\n`, `${complaint}\n`, 0x4000028n)).toBe(0x40000a0n)
  })

  test('another record follows, or the complaint is another one: not known', () => {
    const complaint = 'error in WAL record at 0/4000028: invalid record length at 0/40000A0'
    expect(parseEndOfLastRecord(`${checkpoint}\n${checkpoint}\n`, complaint, 0x4000028n)).toBeNull()
    expect(parseEndOfLastRecord(`${checkpoint}\n`, 'could not find file', 0x4000028n)).toBeNull()
    expect(parseEndOfLastRecord('', complaint, 0x4000028n)).toBeNull()
  })
})

describe("does the local WAL lie on the leader's history", () => {
  const history = [
    { timeline: 1, lsn: 100n },
    { timeline: 3, lsn: 300n },
  ]
  const end = (kind: LocalEnd['kind'], timeline: number, lsn: bigint): LocalEnd => ({ kind, timeline, lsn })

  test.each([
    ['the same timeline', end('replayed', 4, 1n), 'same', null],
    ['the same number, but written here too', end('checkpoint', 4, 1n), 'diverged', null],
    ['a timeline of the future', end('replayed', 5, 1n), 'diverged', null],
    ['(R14) a timeline that is not in the history', end('replayed', 2, 1n), 'diverged', null],
    ['(R16) a standby before the switch point', end('replayed', 1, 99n), 'ancestor', 100n],
    ['a standby exactly at it', end('replayed', 1, 100n), 'ancestor', 100n],
    ['a standby behind it', end('replayed', 3, 301n), 'diverged', 300n],
    ['a running former primary behind it', end('written', 1, 101n), 'diverged', 100n],
    ['a shutdown checkpoint that begins at it', end('checkpoint', 1, 100n), 'diverged', 100n],
    ['(R12) one that begins before it', end('checkpoint', 1, 60n), 'ends-at-switch', 100n],
  ] as const)('%s', (_case, local, verdict, switchLsn) => {
    expect(walkHistory(local, 4, history, null)).toEqual({ verdict, switchLsn })
  })

  test('the same number, begun at the same place or elsewhere', () => {
    const local = end('replayed', 4, 400n)
    expect(walkHistory(local, 4, history, history).verdict).toBe('same')
    expect(walkHistory(local, 4, history, [{ timeline: 3, lsn: 299n }]).verdict).toBe('diverged')
  })
})

describe('command lines', () => {
  test('words and quotes as a shell takes them', () => {
    expect(splitCommand(`a 'b c'  "d \\"e\\" \\x" f\\ g ''`)).toEqual(['a', 'b c', 'd "e" \\x', 'f g', ''])
    expect(splitCommand('')).toEqual([])
    expect(splitCommand(`a 'b`)).toBeNull()
  })

  test('options: one level of quotes is taken away, forbidden ones are told', () => {
    const refused: string[] = []
    const options = [
      { name: 'data-checksums', value: null },
      { name: 'locale', value: `'de_DE.UTF-8'` },
      { name: 'max-rate', value: '10M' },
      { name: 'pgdata', value: '/x' },
    ]
    expect(optionArguments(options, ['pgdata'], why => refused.push(why))).toEqual([
      '--data-checksums',
      '--locale=de_DE.UTF-8',
      '--max-rate=10M',
    ])
    expect(refused).toEqual(['option pgdata is not allowed: hactl sets it'])
  })

  test('placeholders of archive_command', () => {
    expect(expandCommand('cp %p /a/%f # 100%% %r %x', '/d/pg_wal/F', 'F')).toBe(
      'cp /d/pg_wal/F /a/F # 100% 000000010000000000000001 %x',
    )
  })

  test('(R17) the WAL file that pg_rewind misses', () => {
    const stderr = 'pg_rewind: fatal: could not open file "/d/pg_wal/000000010000000000000003": No such file'
    expect(missingWalFile({ stdout: '', stderr })).toBe('000000010000000000000003')
    expect(missingWalFile({ stdout: stderr, stderr: '' })).toBe('000000010000000000000003')
    expect(missingWalFile({ stdout: '', stderr: 'could not open file "/d/base/1": x' })).toBeNull()
  })
})
