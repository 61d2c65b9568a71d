// `hactl agent CONFIG`: the daemon of a database node. Parses and hands over; everything else is src/agent.

import { Args, Flags } from '@oclif/core'
import { ParsedCommand } from '../src/terminal/command.ts'

export default class Agent extends ParsedCommand {
  static override summary = 'run the agent of a database node, usually under systemd'
  static override description =
    'Holds the leader lease in etcd, manages the local PostgreSQL, elects, fails over and rejoins. Reads the same YAML as Patroni; without CONFIG everything comes from PATRONI_* variables. SIGHUP reloads, SIGTERM stops PostgreSQL and hands the lease on.'
  static override examples = [
    '<%= config.bin %> agent /etc/hactl/hactl.yml',
    '<%= config.bin %> agent --rules',
  ]
  static override args = {
    config: Args.string({
      ignoreStdin: true,
      description: 'YAML file, or a directory of *.yml files that are merged in order of name',
    }),
  }

  static override flags = {
    rules: Flags.boolean({
      summary: 'Print every rule the agent decides by, in order, and why it exists; then exit.',
    }),
  }

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Agent)
    const { rules, runAgent } = await import('../src/agent/agent.ts')
    if (flags.rules) return this.log(rules())
    const code = await runAgent({
      configPath: args.config ?? null,
      env: process.env,
      entry: process.argv[1] ?? '',
      complain: line => this.logToStderr(line),
    })
    this.exit(code)
  }
}
