// The PostgreSQL programs (spec/postgres.md 1.2): where they are, with which environment they run, and how.

import { isAbsolute, join } from 'node:path'
import type { PostgresqlConfig } from '../../model/settings/config.ts'
import type { Millis } from '../../model/units.ts'
import { type RunResult, runProgram } from '../../system/child-process.ts'
import type { RunAs } from './run-as.ts'

/**
 * `parsed`: in the C locale, because we read the output. `operator`: in the locale that the agent was started in,
 * because the result is the operator's. `operator-parsed`: the same, with messages that we can read.
 */
type Locale = 'parsed' | 'operator' | 'operator-parsed'

export interface ProgramOptions {
  /** Default `parsed`. */
  readonly locale?: Locale
  readonly timeoutMs: Millis | null
  readonly signal?: AbortSignal
  readonly env?: Readonly<Record<string, string>>
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void
  readonly graceMs?: Millis
  readonly cwd?: string
}

export interface Programs {
  readonly runAs: RunAs | null
  path(name: string): string
  run(name: string, args: readonly string[], options: ProgramOptions): Promise<RunResult>
  /** One command line of the operator's through /bin/sh, in the operator's locale. */
  shell(command: string, options: ProgramOptions): Promise<RunResult>
}

export function createPrograms(config: PostgresqlConfig, runAs: RunAs | null): Programs {
  const path = (name: string) => {
    const file = config.binNames[name] ?? name
    return config.binDir === '' || isAbsolute(file) ? file : join(config.binDir, file)
  }
  const run = (file: string, args: readonly string[], options: ProgramOptions) =>
    runProgram({
      file,
      args,
      env: { ...inLocale(options.locale ?? 'parsed', childEnvironment()), ...options.env },
      timeoutMs: options.timeoutMs,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
      ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(runAs === null ? {} : { uid: runAs.uid, gid: runAs.gid }),
    })
  return {
    runAs,
    path,
    run: (name, args, options) => run(path(name), args, options),
    shell: (command, options) => run('/bin/sh', ['-c', command], { ...options, locale: 'operator' }),
  }
}

function inLocale(locale: Locale, environment: Record<string, string>): Record<string, string> {
  if (locale === 'operator') return environment
  return locale === 'parsed'
    ? { ...environment, LANG: 'C', LC_ALL: 'C' }
    : { ...withoutLcAll(environment), LC_MESSAGES: 'C' }
}

const CATEGORIES = ['LC_CTYPE', 'LC_COLLATE', 'LC_MONETARY', 'LC_NUMERIC', 'LC_TIME']

/** The same locale; LC_ALL would win over LC_MESSAGES. */
function withoutLcAll({ LC_ALL = '', ...rest }: Record<string, string>): Record<string, string> {
  if (LC_ALL === '') return rest
  return { ...rest, ...Object.fromEntries(CATEGORIES.map(name => [name, LC_ALL])) }
}

/** Our own environment without what belongs to the agent: its secrets, systemd's socket, settings of its memory. */
export function childEnvironment(): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (value === undefined || /^(PATRONI_|KUBERNETES_|HACTL_)/.test(name) || OWN_VARIABLES.has(name))
      continue
    // Lets an operator limit malloc arenas of PostgreSQL without limiting the agent's.
    environment[name === 'PG_MALLOC_ARENA_MAX' ? 'MALLOC_ARENA_MAX' : name] = value
  }
  return environment
}

const OWN_VARIABLES = new Set([
  'NOTIFY_SOCKET',
  'WATCHDOG_USEC',
  'WATCHDOG_PID',
  'NODE_OPTIONS',
  'NODE_ENV',
  // Variables that libpq reads before or instead of its arguments: the agent may be started in a shell that was set up
  // for psql.
  'PGPASSWORD',
  'PGHOSTADDR',
  'PGSERVICE',
  'PGOPTIONS',
  'PGTARGETSESSIONATTRS',
  // bin/hactl's settings, which keep the agent small, would slow PostgreSQL down.
  'MALLOC_ARENA_MAX',
  'MALLOC_MMAP_THRESHOLD_',
  'MALLOC_TRIM_THRESHOLD_',
  'UV_THREADPOOL_SIZE',
])
