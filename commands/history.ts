// `hactl history [CLUSTER]`: the timeline switches of a cluster.

import { Flags } from '@oclif/core'
import { withCluster } from '../src/admin/connect.ts'
import { readHistory } from '../src/admin/look/history.ts'
import { CLUSTER_ARG } from '../src/terminal/cluster-arg.ts'
import { HactlCommand, READ_TIMEOUT_MS } from '../src/terminal/command.ts'
import { emptyIfMissing } from '../src/terminal/drop-in/drop-in.ts'
import { LISTING_FORMATS, readerOf } from '../src/terminal/table/listing.ts'
import { historyText } from '../src/terminal/text/history-text.ts'

export default class History extends HactlCommand {
  static override summary = 'Show when a cluster changed its timeline, where, why, and who led afterwards.'
  static override description =
    'One line a failover or switchover, the oldest first. Where the new leader runs hactl it noted the ' +
    'cause, who led before, for how long nobody led, and how many bytes of what the former leader had ' +
    'published were given up. LSN is a byte position; --json gives both forms. The formats for programs ' +
    "(tsv, json, yaml) are patronictl's."
  static override examples = [
    {
      description: "This node's cluster:",
      command: '<%= config.bin %> history --config-file /etc/patroni/patroni.yml',
    },
    { description: 'Tab-separated, for a script:', command: '<%= config.bin %> history batman --format tsv' },
  ]
  static override args = { cluster: CLUSTER_ARG }
  static override flags = {
    format: Flags.option({
      char: 'f',
      options: LISTING_FORMATS,
      default: 'pretty',
      summary: "Patronictl's output formats.",
    })(),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(History)
    const result = await withCluster(flags, args.cluster, (operator, cluster) =>
      readHistory(operator, cluster, flags.timeout ?? READ_TIMEOUT_MS),
    )
    const shown = emptyIfMissing(result, { cluster: args.cluster ?? '', switches: [] })
    this.conclude(flags.json, shown, report => historyText(report, flags.format), readerOf(flags.format))
  }
}
