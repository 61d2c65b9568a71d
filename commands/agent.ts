// `hactl agent CONFIG`: the daemon of a database node, and the checks of its configuration. It only parses; the work is
// in src/agent and src/setup.

import { Args, Flags } from '@oclif/core'
import { PROTOCOL_VERSION } from '../src/model/versions.ts'
import { jsonText, ParsedCommand } from '../src/terminal/command.ts'
import { isPatroni } from '../src/terminal/drop-in/drop-in.ts'
import { yamlDocument } from '../src/terminal/format/yaml-text.ts'
import { line, toStderr, toStdout } from '../src/terminal/print.ts'
import { findingLines, findingsDocument, INVALID } from '../src/terminal/text/validation-text.ts'

const OTHERS = ['validate-config', 'generate-sample-config', 'generate-config', 'rules', 'version']
const alone = (own: string) => OTHERS.filter(other => other !== own)

export default class Agent extends ParsedCommand {
  static override summary = 'run the agent of a database node, usually under systemd'
  static override description =
    'Holds the leader lease in etcd, manages the local PostgreSQL, elects, fails over and rejoins. Reads ' +
    'the same YAML as Patroni; without CONFIG everything comes from PATRONI_* variables. SIGHUP reloads, ' +
    'SIGTERM stops PostgreSQL and hands the lease on.'
  static override examples = [
    '<%= config.bin %> agent /etc/hactl/hactl.yml',
    {
      description: 'What would keep it from starting here, while it runs or before:',
      command: '<%= config.bin %> agent --validate-config --ignore-listen-port /etc/hactl/hactl.yml',
    },
    {
      description: 'The configuration with which an agent takes over the PostgreSQL that runs here:',
      command: '<%= config.bin %> agent --generate-config /etc/hactl/hactl.yml',
    },
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
      exclusive: alone('rules'),
      summary: 'Print every rule the agent decides by, in order, and why it exists; then exit.',
    }),
    'validate-config': Flags.boolean({
      exclusive: alone('validate-config'),
      summary:
        'Check CONFIG and this machine (ports, directories, programs, certificates, etcd) without starting' +
        ' or changing anything; exit with 1 when the agent could not start.',
    }),
    'ignore-listen-port': Flags.boolean({
      char: 'i',
      summary: 'With --validate-config: ports may be in use, because the node runs.',
    }),
    'generate-sample-config': Flags.boolean({
      exclusive: alone('generate-sample-config'),
      summary: 'Write a configuration of a new cluster to CONFIG, which must not exist yet, or to stdout.',
    }),
    'generate-config': Flags.boolean({
      exclusive: alone('generate-config'),
      summary:
        'Write the configuration that takes over the PostgreSQL that runs here to CONFIG, which must not ' +
        'exist yet, or to stdout. Needs a superuser; PG* variables and --dsn say how to connect.',
    }),
    dsn: Flags.string({
      helpValue: 'DSN',
      dependsOn: ['generate-config'],
      summary: 'With --generate-config: how to connect, as key=value list or postgresql:// URI.',
    }),
    print: Flags.boolean({
      char: 'p',
      summary: 'With --validate-config: print file and variables merged, with passwords masked.',
    }),
    json: Flags.boolean({ summary: 'With --validate-config: one JSON document on stdout.' }),
    version: Flags.boolean({ exclusive: alone('version'), summary: 'Print the version; then exit.' }),
  }

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Agent)
    const configPath = args.config ?? null
    if (flags.version)
      return toStdout(isPatroni() ? `patroni ${PROTOCOL_VERSION}\n` : `hactl ${this.config.version}\n`)
    if (flags['validate-config']) return this.validate(configPath, flags)
    const isSample = flags['generate-sample-config']
    if (isSample || flags['generate-config']) {
      const { writeConfiguration } = await import('../src/setup/write.ts')
      const kind = isSample ? 'sample' : 'running'
      const written = await writeConfiguration({ kind, dsn: flags.dsn ?? null }, configPath, process.env)
      if (!written.ok) toStderr(line`error: ${written.why}\n`)
      else toStdout(written.text)
      return this.exit(written.ok ? 0 : INVALID)
    }
    const { rules, runAgent } = await import('../src/agent/agent.ts')
    if (flags.rules) return toStdout(`${rules()}\n`)
    const code = await runAgent({
      configPath,
      env: process.env,
      entry: process.argv[1] ?? '',
      complain: said => toStderr(line`${said}\n`),
    })
    this.exit(code)
  }

  private async validate(
    path: string | null,
    flags: { readonly 'ignore-listen-port': boolean; readonly print: boolean; readonly json: boolean },
  ): Promise<void> {
    const { validateConfig } = await import('../src/setup/validate.ts')
    const ignoreListenPort = flags['ignore-listen-port']
    const found = await validateConfig({ path, env: process.env }, { ignoreListenPort })
    if (flags.json) toStdout(`${jsonText(findingsDocument(found, flags.print))}\n`)
    else {
      for (const finding of findingLines(found)) toStderr(line`${finding}\n`)
      if (flags.print && found.errors.length === 0 && found.merged !== null)
        toStdout(yamlDocument(found.merged))
    }
    this.exit(found.errors.length === 0 ? 0 : INVALID)
  }
}
