// `hactl version [CLUSTER [NAME…]]`: this program's version, and what the members of a cluster run.

import { Args } from '@oclif/core'
import { withCluster } from '../src/admin/connect.ts'
import { type MemberVersion, readVersions, type VersionReport } from '../src/admin/look/version.ts'
import { done } from '../src/model/command/failure.ts'
import { PROTOCOL_VERSION } from '../src/model/versions.ts'
import { type GlobalFlags, HactlCommand, READ_TIMEOUT_MS } from '../src/terminal/command.ts'
import { emptyIfMissing, isPatronictl } from '../src/terminal/drop-in/drop-in.ts'

export default class Version extends HactlCommand {
  static override summary = "Show hactl's version and, with a cluster, what its members run."
  static override description =
    'The cluster is the one named, or the scope of the file given with --config-file. Each member is asked' +
    ' over its REST API. Members that do not answer are reported beside those that do; the exit code is ' +
    'then 7, or 9 when none answered.'
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
    if (isPatronictl()) return this.#asPatronictl(cluster, members, flags)
    const ownOnly = (): void =>
      this.conclude(
        flags.json,
        done({ ...own, cluster: null, members: [] }),
        () => `hactl version ${own.version}\n`,
      )
    if (cluster === undefined && flags['config-file'] === undefined) return ownOnly()
    const result = await withCluster(flags, cluster, (operator, name) =>
      readVersions(operator, name, members, flags.timeout ?? READ_TIMEOUT_MS),
    )
    if (!result.ok && result.failure.kind === 'no-cluster-named') return ownOnly()
    const value = result.value === null ? null : { ...own, ...result.value }
    this.conclude(flags.json, result.ok ? done({ ...own, ...result.value }) : { ...result, value }, report =>
      versionText(own.version, report),
    )
  }

  /**
   * As the drop-in it reports the version of the patronictl that it replaces; a silent member is a line like the
   * others.
   */
  async #asPatronictl(
    cluster: string | undefined,
    members: readonly string[],
    flags: GlobalFlags,
  ): Promise<void> {
    const own = { version: PROTOCOL_VERSION, cluster: cluster ?? null, members: [] }
    if (cluster === undefined)
      return this.conclude(flags.json, done(own), () => `patronictl version ${own.version}\n`)
    const read = await withCluster(flags, cluster, (operator, name) =>
      readVersions(operator, name, [], flags.timeout ?? READ_TIMEOUT_MS),
    )
    const result = read.value === null ? emptyIfMissing(read, { cluster, members: [] }) : done(read.value)
    const named = (report: VersionReport) =>
      report.members.filter(({ name }) => members.length === 0 || members.includes(name))
    this.conclude(flags.json, result, report =>
      [`patronictl version ${own.version}`, '', ...named(report).map(memberLine), ''].join('\n'),
    )
  }
}

function versionText(own: string, report: VersionReport): string {
  const lines = report.members.map(
    member => memberLine(member) + (member.hactl === null ? '' : ` (hactl ${member.hactl})`),
  )
  return [`hactl version ${own}`, '', ...lines, ''].join('\n')
}

function memberLine({ name, error, protocol, postgresql }: MemberVersion): string {
  if (error !== null) return `${name}: failed to get version: ${error}`
  return `${name}: Patroni ${protocol ?? 'unknown'}${postgresql === null ? '' : ` PostgreSQL ${postgresql}`}`
}
