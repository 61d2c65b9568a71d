// `hactl show-config [CLUSTER]`: the dynamic configuration as YAML.

import { type ConfigReport, showConfig } from '../src/admin/config/show-config.ts'
import { withCluster } from '../src/admin/connect.ts'
import { CLUSTER_ARG } from '../src/terminal/cluster-arg.ts'
import { HactlCommand, READ_TIMEOUT_MS } from '../src/terminal/command.ts'
import { emptyIfMissing, isPatronictl } from '../src/terminal/drop-in/drop-in.ts'
import { yamlDocument } from '../src/terminal/format/yaml-text.ts'

export default class ShowConfig extends HactlCommand {
  static override summary = 'Show the dynamic configuration of a cluster.'
  static override description =
    'Prints YAML with sorted keys, as it is in etcd; edit-config changes it. A comment names the timing ' +
    'profile whose values it has, if any.'
  static override examples = [
    {
      description: "This node's cluster:",
      command: '<%= config.bin %> show-config --config-file /etc/patroni/patroni.yml',
    },
    {
      description: 'One value, in a script:',
      command: '<%= config.bin %> show-config batman --json | jq .document.ttl',
    },
  ]
  static override args = { cluster: CLUSTER_ARG }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ShowConfig)
    const result = await withCluster(flags, args.cluster, (operator, cluster) =>
      showConfig(operator, cluster, flags.timeout ?? READ_TIMEOUT_MS),
    )
    const shown = emptyIfMissing<ConfigReport | null>(result, null)
    const text = (report: ConfigReport | null): string =>
      report === null ? '' : `${profileComment(report)}${yamlDocument(report.document)}\n`
    this.conclude(flags.json, shown, text, 'programs')
  }
}

/** A comment for people, which patronictl does not print. */
function profileComment({ profile }: ConfigReport): string {
  return profile === null || isPatronictl() ? '' : `# Timing profile: ${profile}\n`
}
