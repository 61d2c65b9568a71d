// `hactl list [CLUSTER…]`: the members of one or more clusters as etcd shows them. `topology` is the same as a tree.

import { Args, Flags } from '@oclif/core'
import { connect } from '../src/admin/connect.ts'
import { type ListReport, listClusters } from '../src/admin/look/list.ts'
import type { Operator } from '../src/admin/use-case.ts'
import type { Result } from '../src/model/command/failure.ts'
import type { Millis } from '../src/model/units.ts'
import { type GlobalFlags, HactlCommand, printed, READ_TIMEOUT_MS } from '../src/terminal/command.ts'
import { isPatronictl } from '../src/terminal/drop-in/drop-in.ts'
import { localTime } from '../src/terminal/format/line-time.ts'
import { type Printed, toStderr, toStdout } from '../src/terminal/print.ts'
import { LastTable } from '../src/terminal/table/last-table.ts'
import { LISTING_FORMATS, readerOf } from '../src/terminal/table/listing.ts'
import { clusterText, type MemberFormat } from '../src/terminal/table/member-table.ts'
import { repeat } from '../src/terminal/watch-table.ts'

interface ListOptions extends GlobalFlags {
  readonly clusters: readonly string[]
  readonly format: MemberFormat
  readonly extended: boolean
  readonly timestamp: boolean
  readonly ask: boolean | undefined
  readonly watch: number | undefined
}

export const CLUSTERS_ARG = Args.string({
  multiple: true,
  ignoreStdin: true,
  description: 'Name of a cluster; several may be given.',
})

const seconds = Flags.custom<number>({
  parse: async text => {
    if (!/^\d+(\.\d+)?$/.test(text)) throw new Error(`expected a number of seconds, not ${text}`)
    return Number(text)
  },
})

export const WATCH_FLAGS = {
  watch: seconds({ char: 'w', helpValue: 'SECONDS', summary: 'Print again every SECONDS until Ctrl-C.' }),
  'watch-2s': Flags.boolean({ char: 'W', summary: 'Print again every 2 seconds.' }),
  ask: Flags.boolean({
    allowNo: true,
    summary: 'Ask each member for a sign of life, for 2 seconds; --no-ask: show only what etcd says.',
  }),
}

/** 0 means once, as in patronictl. */
export function watchSeconds(flags: { readonly watch?: number | undefined; readonly 'watch-2s': boolean }) {
  const { watch = flags['watch-2s'] ? 2 : 0 } = flags
  return watch === 0 ? undefined : watch
}

/** Enough for a healthy member. With --ask or --json, when a script may act on the answer, four times that. */
const GLANCE_MS = 500
const ASKED_MS = 2000
/** Longer than a healthy etcd needs, and short enough that the age of the last table shows soon. */
const WATCHED_READ_MS = 2000

export abstract class MemberListing extends HactlCommand {
  protected async list(options: ListOptions): Promise<void> {
    const connected = await connect(options)
    if (!connected.ok) return this.fail(options.json, connected.failure)
    const operator = connected.value
    if (isPatronictl() && options.clusters.length === 0 && operator.defaultCluster === null) {
      toStderr('WARNING: listing members: no cluster was named\n')
      return
    }
    if (options.watch !== undefined) {
      const last = new LastTable(operator.clock)
      await repeat(operator.clock, options.watch * 1000, () => frame(operator, options, last))
    } else {
      const result = await look(operator, options, READ_TIMEOUT_MS)
      if (options.timestamp && !options.json) toStdout(timeLine(operator))
      this.show(options.json, result, report => text(report, options), readerOf(options.format))
      if (process.exitCode !== 0) this.exit(Number(process.exitCode))
    }
    await operator.store.close()
  }
}

function look(operator: Operator, options: ListOptions, budgetMs: Millis): Promise<Result<ListReport>> {
  return listClusters(operator, {
    clusters: options.clusters,
    askMs: askMs(options),
    unknownIsEmpty: isPatronictl(),
    budgetMs: options.timeout ?? budgetMs,
  })
}

/** patronictl and its formats for programs report what etcd says about a member, unless more is requested. */
function askMs({ ask, json, format }: ListOptions): number | null {
  if (ask === false) return null
  if (ask === true || json) return ASKED_MS
  return !isPatronictl() && (format === 'pretty' || format === 'topology') ? GLANCE_MS : null
}

async function frame(operator: Operator, options: ListOptions, last: LastTable): Promise<Printed> {
  const result = await look(operator, options, WATCHED_READ_MS)
  const { out, err } = printed(
    options.json,
    result,
    report => text(report, options),
    readerOf(options.format),
  )
  const time = options.timestamp && !options.json ? timeLine(operator) : ''
  const shown = { out: time + out, err }
  // When stdout is a log, no table or document is repeated.
  if (options.json || !process.stdout.isTTY) return shown
  return last.orKept(result.ok || result.failure.kind !== 'store-unreachable', shown)
}

function timeLine(operator: Operator): string {
  return `${localTime(operator.clock.wallMs())}\n`
}

function text(report: ListReport, { format, extended }: ListOptions): string {
  return report.clusters.map(cluster => clusterText(cluster, format, extended)).join('')
}

export default class List extends MemberListing {
  static override summary = 'List the members of a cluster: role, state, timeline, positions and lag.'
  static override description =
    'Shows what etcd says of each member. Until its lease ends that of a dead one is an old story, so each' +
    ' member is also asked for a sign of life; one that gives none within half a second (2 seconds with ' +
    "--json or --ask) is marked 'no answer'. The formats for programs (tsv, json, yaml) are patronictl's " +
    'and ask nobody, unless --ask is given. With --watch the last table stays, with its age, while etcd ' +
    'does not answer. Without CLUSTER the scope of the configuration is taken.'
  static override examples = [
    {
      description: "This node's cluster:",
      command: '<%= config.bin %> list --config-file /etc/patroni/patroni.yml',
    },
    {
      description: 'Two clusters, without a configuration file:',
      command: '<%= config.bin %> list batman robin --dcs-url etcd3://10.0.0.1:2379',
    },
    { description: 'Again every second, until Ctrl-C:', command: '<%= config.bin %> list batman --watch 1' },
    { description: 'For a script, with lags in bytes:', command: '<%= config.bin %> list batman --json' },
  ]
  static override args = { cluster: CLUSTERS_ARG }
  static override flags = {
    extended: Flags.boolean({ char: 'e', summary: 'Show also columns that are empty for all members.' }),
    timestamp: Flags.boolean({ char: 't', summary: 'Print the time first.' }),
    format: Flags.option({
      char: 'f',
      options: LISTING_FORMATS,
      default: 'pretty',
      summary: "Patronictl's output formats.",
    })(),
    ...WATCH_FLAGS,
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(List)
    const watch = watchSeconds(flags)
    return this.list({ ...flags, watch, clusters: args.cluster ?? [] })
  }
}
