// `hactl demo`: parses and prints; the story is src/admin/demo.

import { Flags } from '@oclif/core'
import { HactlCommand } from '../src/terminal/command.ts'

export default class Demo extends HactlCommand {
  static override summary = 'Run a throw-away cluster on this machine and watch it heal.'
  static override description =
    'Starts etcd, three nodes and HAProxy on free loopback ports in a temporary directory, writes through ' +
    "HAProxy, and then switches over, kills the primary's PostgreSQL and kills a whole node, measuring " +
    'each outage. Exit code 0 only if it healed each time and no acknowledged row is missing. Needs ' +
    'PostgreSQL 15, etcd and haproxy (bin/setup installs them).'
  static override examples = ['<%= config.bin %> demo', '<%= config.bin %> demo --keep']
  static override flags = {
    keep: Flags.boolean({ summary: 'Leave it running at the end and say how to talk to it.' }),
  }

  override async run(): Promise<void> {
    const { flags } = await this.parse(Demo)
    const { demonstrate } = await import('../src/admin/demo/result.ts')
    const { toStderr, toStdout } = await import('../src/terminal/print.ts')
    const { demoText } = await import('../src/terminal/text/demo-text.ts')
    const result = await demonstrate({
      keep: flags.keep,
      node: process.execPath,
      entry: process.argv[1] ?? '',
      say: said => (flags.json ? toStderr : toStdout)(`${said}\n`),
    })
    this.conclude(flags.json, result, demoText)
  }
}
