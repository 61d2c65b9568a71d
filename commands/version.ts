// `hactl version [CLUSTER [NAME…]]`: this program's version, and what the members of a cluster run.

import { Args } from '@oclif/core'
import { withCluster } from '../src/admin/connect.ts'
import { readVersions, type VersionReport } from '../src/admin/version.ts'
import { done } from '../src/model/failure.ts'
import { HactlCommand, READ_TIMEOUT_MS } from '../src/terminal/command.ts'
import { isPatronictl } from '../src/terminal/drop-in.ts'

export default class Version extends HactlCommand {
  static override summary = "Show hactl's version and, with a cluster, what its members run."
  static override description =
    'The cluster is the one named, or the scope of the file given with --config-file. Each member is asked over its REST API. Members that do not answer are reported beside those that do; the exit code is then 7, or 9 when none answered.'
  static override examples = [
    { description: 'Of this program:', command: '<%= config.bin %> version' },
    {
      description: 'Of all members:',
      command: '<%= config.bin %> version batman --config-file /etc/patroni/patroni.yml',
    },
    { description: 'Of two of them:', command: '<%= config.bin %> version batman pg1 pg2 --json' },
  ]
  static override args = {
    cluster: Args.string({
      multiple: true,
      ignoreStdin: true,
      description: 'The cluster, and after it the names of members if not all are meant.',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Version)
    const own = { version: this.config.version }
    const [cluster, ...members] = args.cluster ?? []
    const ownOnly = (): void =>
      this.conclude(
        flags.json,
        done({ ...own, cluster: null, members: [] }),
        () => `hactl version ${own.version}\n`,
      )
    // patronictl takes no scope here, and must answer without etcd.
    if (cluster === undefined && (flags['config-file'] === undefined || isPatronictl())) return ownOnly()
    const result = await withCluster(flags, cluster, (operator, name) =>
      readVersions(operator, name, members, flags.timeout ?? READ_TIMEOUT_MS),
    )
    if (!result.ok && result.failure.kind === 'no-cluster-named') return ownOnly()
    const value = result.value === null ? null : { ...own, ...result.value }
    this.conclude(flags.json, result.ok ? done({ ...own, ...result.value }) : { ...result, value }, report =>
      versionText(own.version, report),
    )
  }
}

function versionText(own: string, report: VersionReport): string {
  const lines = report.members.map(member => {
    if (member.error !== null) return `${member.name}: failed to get version: ${member.error}`
    const postgresql = member.postgresql === null ? '' : ` PostgreSQL ${member.postgresql}`
    const hactl = member.hactl === null ? '' : ` (hactl ${member.hactl})`
    return `${member.name}: Patroni ${member.protocol ?? 'unknown'}${postgresql}${hactl}`
  })
  return [`hactl version ${own}`, '', ...lines, ''].join('\n')
}
