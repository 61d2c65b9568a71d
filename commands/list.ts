// `hactl list [CLUSTER…]`: the members of one or more clusters as etcd shows them. `topology` is the same as a tree.

import { Args, Flags } from '@oclif/core'
import { connect } from '../src/admin/connect.ts'
import { listClusters } from '../src/admin/list.ts'
import type { Operator } from '../src/admin/operator.ts'
import { type GlobalFlags, HactlCommand, READ_TIMEOUT_MS } from '../src/terminal/command.ts'
import { LISTING_FORMATS } from '../src/terminal/listing.ts'
import { clusterText, type MemberFormat } from '../src/terminal/member-table.ts'
import { localTime } from '../src/terminal/time.ts'
import { repeat } from '../src/terminal/watch.ts'

export interface ListOptions extends GlobalFlags {
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
    summary: 'Ask each member for a sign of life; with --json the default.',
  }),
}

export abstract class MemberListing extends HactlCommand {
  protected async list(options: ListOptions): Promise<void> {
    const connected = await connect(options)
    if (!connected.ok) return this.fail(options.json, connected.failure)
    const operator = connected.value
    const frame = (): Promise<void> => this.#print(operator, options)
    if (options.watch !== undefined) return repeat(operator.clock, options.watch * 1000, frame)
    await frame()
    if (process.exitCode !== 0) this.exit(Number(process.exitCode))
    await operator.store.close()
  }

  async #print(operator: Operator, options: ListOptions): Promise<void> {
    const { clusters, json, timestamp } = options
    const askMembers = options.ask ?? json
    const result = await listClusters(operator, {
      clusters,
      askMembers,
      budgetMs: options.timeout ?? READ_TIMEOUT_MS,
    })
    if (timestamp && !json) process.stdout.write(`${localTime(operator.clock.wallMs())}\n`)
    this.show(json, result, report =>
      report.clusters.map(cluster => clusterText(cluster, options.format, options.extended)).join(''),
    )
  }
}

export default class List extends MemberListing {
  static override summary = 'List the members of a cluster: role, state, timeline, positions and lag.'
  static override description =
    'Reads etcd only, so that it answers at once while members are down; a dead member stays listed until its lease ends. With --json (or --ask) each member is also asked for a sign of life. Without CLUSTER the scope of the configuration is taken.'
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
    const watch = flags.watch ?? (flags['watch-2s'] ? 2 : undefined)
    return this.list({ ...flags, watch, clusters: args.cluster ?? [] })
  }
}
