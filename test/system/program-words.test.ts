// What is quoted of a program's output: real outputs of PostgreSQL 15's programs, and of scripts.

import { expect, test } from 'vitest'
import { serverWordsOf, wordsOf } from '../../src/system/program-words.ts'

test.each([
  [
    'pg_rewind whose WAL is gone: the file, and what it was needed for',
    `pg_rewind: connected to server
pg_rewind: servers diverged at WAL location 0/3000060 on timeline 1
pg_rewind: error: could not open file "/data/pg_wal/000000010000000000000002": No such file or directory
pg_rewind: error: could not find previous WAL record at 0/2000100
`,
    'could not open file "/data/pg_wal/000000010000000000000002": No such file or directory; could not find previous WAL record at 0/2000100',
  ],
  [
    'an option that the program does not know',
    `/usr/lib/postgresql/15/bin/pg_basebackup: unrecognized option '--no-such-option=3'
pg_basebackup: hint: Try "pg_basebackup --help" for more information.
`,
    `unrecognized option '--no-such-option=3'; hint: Try "pg_basebackup --help" for more information.`,
  ],
  [
    'a connection that failed, and progress before it',
    `waiting for checkpoint\r    0/23128 kB (0%), 0/1 tablespace\rpg_basebackup: error: connection to server at "10.0.0.1", port 5432 failed: Connection refused
\tIs the server running on that host and accepting TCP/IP connections?
`,
    'connection to server at "10.0.0.1", port 5432 failed: Connection refused Is the server running on that host and accepting TCP/IP connections?',
  ],
  [
    'a configuration file: the line that names the parameter',
    `2026-11-29 12:00:00.000 UTC [4711] LOG:  unrecognized configuration parameter "shard_buffers" in file "/etc/postgresql.conf" line 3
2026-11-29 12:00:00.001 UTC [4711] FATAL:  configuration file "/etc/postgresql.conf" contains errors
`,
    'unrecognized configuration parameter "shard_buffers" in file "/etc/postgresql.conf" line 3; configuration file "/etc/postgresql.conf" contains errors',
  ],
  [
    'a script',
    'cp: cannot stat x: No such file\nsecond line\n',
    'cp: cannot stat x: No such file; second line',
  ],
  ['nothing', '\n \n', ''],
])('%s', (_, output, said) => {
  expect(wordsOf(output)).toBe(said)
})

test('a server that ends: its own reason, not what it told those who knocked', () => {
  const log = `2026-11-29 12:00:00 UTC [1] LOG:  starting PostgreSQL 15.4
2026-11-29 12:00:00 UTC [2] LOG:  redo starts at 0/2000028
2026-11-29 12:00:01 UTC [2] FATAL:  could not write to file "pg_wal/xlogtemp.2": No space left on device
2026-11-29 12:00:01 UTC [3] FATAL:  the database system is not yet accepting connections
2026-11-29 12:00:01 UTC [3] DETAIL:  Consistent recovery state has not been yet reached.
2026-11-29 12:00:01 UTC [1] LOG:  startup process (PID 2) exited with exit code 1
`
  expect(serverWordsOf(log)).toBe(
    'could not write to file "pg_wal/xlogtemp.2": No space left on device; startup process (PID 2) exited with exit code 1',
  )
  expect(serverWordsOf('LOG:  starting PostgreSQL 15.4\nLOG:  database system was shut down\n')).toBe('')
})

test('long outputs are cut, secrets are masked', () => {
  const long = Array.from({ length: 50 }, (_, index) => `error: ${index} ${'x'.repeat(1000)}`).join('\n')
  expect(wordsOf(long).length).toBeLessThan(2000)
  expect(wordsOf(long)).toContain('49 xxx')
  const quoted = `FATAL: near "primary_conninfo = 'host=a password=''top secret'' user=x'" postgres://u:hush@h/d PGPASSWORD=hush`
  expect(wordsOf(quoted)).not.toMatch(/hush|top/)
})
