// What an operator has to do when pg_rewind or pg_basebackup fails for a reason that does not pass by itself,
// recognized by its output. For a copy, a failure that is not listed here may pass; for a rewind it may not, because it
// compares files that nobody changes.

import { failureOf, type RunResult } from '../../system/child-process.ts'

/** Where a remedy has to be applied. */
export interface Place {
  /** Member that is copied or rewound from. */
  readonly source: string
  readonly user: string
}

interface Known {
  readonly says: RegExp
  readonly remedy: (place: Place) => string
}

/** The source is absent or not ready, or a connection broke. */
const PASSES =
  /Connection (?:refused|reset|timed out)|closed the connection|the database system is|session is read-only|hot standby mode|too many clients|remaining connection slots|requested standby connections|terminating connection|terminated unexpectedly|could not receive|could not translate host name|No route to host|Network is unreachable|timeout expired|in recovery/i

const KNOWN: readonly Known[] = [
  {
    says: /No space left on device|Disk quota exceeded/,
    remedy: () => 'free space on the file system that it names',
  },
  {
    says: /password authentication failed|no password supplied/,
    remedy: ({ source, user }) =>
      `give postgresql.authentication of this node the password that user ${user} has on ${source}`,
  },
  {
    says: /no pg_hba\.conf entry|pg_hba\.conf rejects/,
    remedy: ({ source, user }) => `let user ${user} connect from this node in the pg_hba of ${source}`,
  },
  {
    says: /permission denied for function|must be superuser/,
    remedy: ({ source, user }) =>
      `as a superuser on ${source}: GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_dir(text, boolean, boolean), ` +
      'pg_catalog.pg_stat_file(text, boolean), pg_catalog.pg_read_binary_file(text), ' +
      `pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean) TO ${user}`,
  },
  {
    says: /role "[^"]*" does not exist|must be .*replication role|not permitted to log in/,
    remedy: ({ source, user }) => `create user ${user} on ${source} with the attributes that it needs`,
  },
  {
    says: /(?:unrecognized|invalid|ambiguous) option|option .* requires|hint: Try "/,
    remedy: () => 'correct the options in postgresql.basebackup or postgresql.rewind',
  },
  {
    says: /exists but is not empty/,
    remedy: () =>
      'it is not known to be left by a copy of this node: save what is needed of that directory, and empty it',
  },
  {
    says: /full_page_writes must be enabled/,
    remedy: ({ source }) => `set full_page_writes to on on ${source}`,
  },
  {
    says: /of different type/,
    remedy: () =>
      'a symbolic link in the data directory that the source does not have: put the file itself there, or ' +
      'name it by its path in the configuration',
  },
  {
    says: /for reading: Permission denied/,
    remedy: ({ source }) =>
      `let PostgreSQL on ${source} read that file, or take it out of its data directory`,
  },
  {
    says: /Permission denied|Operation not permitted|Read-only file system/,
    remedy: () => 'let the user that PostgreSQL runs as write there',
  },
]

/** undefined: it may pass. */
export function remedyOf(words: string, place: Place): string | undefined {
  if (PASSES.test(words)) return undefined
  return KNOWN.find(({ says }) => says.test(words))?.remedy(place)
}

/** A failure of pg_rewind that does not pass by itself will be the same next time. */
export function rewindRemedyOf(result: RunResult, place: Place): string | undefined {
  const words = failureOf('pg_rewind', result) ?? ''
  if (result.kind !== 'exited' || result.code === null || PASSES.test(words)) return undefined
  const gone = /could not open file "[^"]*pg_wal|could not find previous WAL record/.test(words)
  if (gone)
    return (
      'the WAL since the histories parted is gone here: put it back into pg_wal or let restore_command ' +
      `fetch it, or ${newCopy(place)}`
    )
  return remedyOf(words, place) ?? `mend what it names, or ${newCopy(place)}`
}

function newCopy({ source }: Place): string {
  return (
    `remove the data directory: a copy of ${source} takes its place ` +
    '(postgresql.remove_data_directory_on_rewind_failure does that)'
  )
}
