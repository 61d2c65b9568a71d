// `hactl query [CLUSTER]`: SQL on a member, in patronictl's formats.

import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { Flags } from '@oclif/core'
import { withCluster } from '../src/admin/connect.ts'
import { loadSql } from '../src/admin/connect-sql.ts'
import { type QueryReport, queryCluster } from '../src/admin/look/query.ts'
import type { Operator } from '../src/admin/use-case.ts'
import { done, failed, type Result } from '../src/model/command/failure.ts'
import { codeOrText } from '../src/model/error-text.ts'
import { interruptible } from '../src/terminal/ask/interruptible.ts'
import { askSecret, canAsk, notATerminal } from '../src/terminal/ask/questions.ts'
import { CLUSTER_ARG } from '../src/terminal/cluster-arg.ts'
import { GLOBAL_FLAGS, HactlCommand, WAIT_TIMEOUT_MS } from '../src/terminal/command.ts'
import { isPatronictl } from '../src/terminal/drop-in/drop-in.ts'
import { LISTING_FORMATS } from '../src/terminal/table/listing.ts'
import { patronictlQuery, queryText } from '../src/terminal/text/query-text.ts'
import { ONE_OF_BOTH, WHOM_FLAGS, whomOf } from './dsn.ts'

/** The short forms are patronictl's: here -c is the SQL and -d the database. */
const { 'config-file': configFile, 'dcs-url': dcsUrl, ...others } = GLOBAL_FLAGS
const withoutChar = <T extends { char?: unknown }>({ char: _, ...flag }: T): Omit<T, 'char'> => flag

export default class Query extends HactlCommand {
  static override summary = 'Run SQL on a member of a cluster.'
  static override description =
    'Connects as psql does: PGUSER, PGPASSWORD, PGDATABASE, PGSSLMODE and the password file count. Without' +
    ' --role and --member the leader is asked; of several that are meant the first that answers. An error ' +
    'of PostgreSQL is exit code 3, no connection 9, no answer within --timeout 6.'
  static override examples = [
    {
      description: 'On the leader:',
      command: '<%= config.bin %> query batman --command "select pg_is_in_recovery()" --username postgres',
    },
    {
      description: 'On a replica, as JSON:',
      command: '<%= config.bin %> query batman --role replica --format json --file report.sql',
    },
  ]
  static override baseFlags = {
    ...others,
    'config-file': withoutChar(configFile) as typeof configFile,
    'dcs-url': withoutChar(dcsUrl) as typeof dcsUrl,
  }
  static override args = { cluster: CLUSTER_ARG }
  static override flags = {
    ...WHOM_FLAGS,
    format: Flags.option({
      options: LISTING_FORMATS,
      default: 'tsv',
      summary: "Patronictl's output formats.",
    })(),
    file: Flags.string({ char: 'f', helpValue: 'FILE', summary: 'Run the SQL in this file; - is stdin.' }),
    command: Flags.string({ char: 'c', helpValue: 'SQL', summary: 'Run this SQL.' }),
    password: Flags.boolean({ summary: 'Ask for the password.' }),
    username: Flags.string({ char: 'U', helpValue: 'USER', summary: 'Connect as this user.' }),
    dbname: Flags.string({ char: 'd', helpValue: 'DATABASE', summary: 'Connect to this database.' }),
    delimiter: Flags.string({
      default: '\t',
      defaultHelp: async () => 'a tab',
      helpValue: 'TEXT',
      summary: 'Between the columns of tsv; a tab when it is left out.',
    }),
    watch: Flags.integer({
      char: 'w',
      min: 1,
      helpValue: 'SECONDS',
      summary: 'Run it again every SECONDS until Ctrl-C.',
    }),
    'watch-2s': Flags.boolean({ char: 'W', summary: 'Run it again every 2 seconds.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Query)
    if (flags.role !== undefined && flags.member !== undefined) return this.fail(flags.json, ONE_OF_BOTH)
    const sql = await sqlOf(flags.file, flags.command)
    if (!sql.ok) return this.fail(flags.json, sql.failure)
    const password = flags.password ? await askedPassword() : done(null)
    if (!password.ok) return this.fail(flags.json, password.failure)
    const { username = null, dbname = null } = flags
    const login = { password: password.value, database: dbname }
    const everyMs = flags['watch-2s'] ? 2000 : (flags.watch ?? 0) * 1000
    const budgetMs = flags.timeout ?? WAIT_TIMEOUT_MS
    let nowMs = 0
    for (;;) {
      const result = await interruptible(interrupted =>
        withCluster<QueryReport>(flags, args.cluster, async (operator, cluster) => {
          nowMs = operator.clock.wallMs()
          return queryCluster(operator, await loadSql(operator.clock), cluster, {
            ...whomOf(flags),
            ...{
              sql: sql.value,
              login: { ...login, user: username ?? ownName(operator) },
              budgetMs,
              interrupted,
            },
          })
        }),
      )
      const { format, delimiter } = flags
      const reader = format === 'tsv' ? 'bytes' : 'programs'
      const [shown, show] =
        isPatronictl() && !flags.json
          ? patronictlQuery(result, format, delimiter, nowMs, flags)
          : ([result, (report: QueryReport) => queryText(report, format, delimiter)] as const)
      if (everyMs === 0 || isInterrupted(result)) {
        this.conclude(flags.json, shown, show, reader)
        return this.exit(0)
      }
      this.show(flags.json, shown, show, reader)
      await new Promise(resolve => setTimeout(resolve, everyMs))
    }
  }
}

/** The package takes the name from $USER, which may not be set; libpq takes it from the password file. */
function ownName({ user }: Operator): string | null {
  return process.env.PGUSER === undefined ? user : null
}

function isInterrupted(result: Result<unknown>): boolean {
  return !result.ok && ['interrupted', 'query-interrupted'].includes(result.failure.kind)
}

async function sqlOf(file: string | undefined, command: string | undefined): Promise<Result<string>> {
  const usage = (message: string, hint: string) => failed<string>({ kind: 'usage', message, hint })
  if (file !== undefined && command !== undefined)
    return usage('--file and --command are mutually exclusive options', 'give one of them.')
  if (command !== undefined) return done(command)
  if (file === undefined)
    return usage('you need to specify either --command or --file', 'for example --command "select 1".')
  try {
    return done(file === '-' ? await text(process.stdin) : await readFile(file, 'utf8'))
  } catch (error) {
    const why = codeOrText(error)
    const message = `${file} cannot be read: ${why}`
    return failed({ kind: 'usage', message, hint: 'name a file with SQL.', isLine: true })
  }
}

async function askedPassword(): Promise<Result<string>> {
  if (!canAsk()) return notATerminal('Password', 'PGPASSWORD, or the password file, in its place')
  return askSecret('Password')
}
