// `hactl complete arguments|members LINE`: what the completion scripts call for names that only etcd knows. Not for
// people.

import { Args } from '@oclif/core'
import { connect } from '../src/admin/connect.ts'
import { clusterNames, memberNames } from '../src/admin/look/complete.ts'
import { ParsedCommand } from '../src/terminal/command.ts'
import { optionsWithValue } from '../src/terminal/manual/completion.ts'
import { describeCommands } from '../src/terminal/manual/describe.ts'
import { readTypedLine } from '../src/terminal/manual/typed-line.ts'
import { toStdout } from '../src/terminal/print.ts'

export default class Complete extends ParsedCommand {
  static override hidden = true
  static override summary = 'Names for the completion of a shell, one a line.'
  static override args = {
    kind: Args.string({ required: true, options: ['arguments', 'members'] }),
    line: Args.string({ required: true, ignoreStdin: true }),
  }

  override async run(): Promise<void> {
    const { args } = await this.parse(Complete)
    const manual = describeCommands(this.config.commands)
    // The word that is being completed is not a name yet.
    const line = args.line.replace(/\S*$/, '')
    const typed = readTypedLine(line, optionsWithValue(manual), process.env.HOME ?? '~')
    const connected = await connect({
      'config-file': typed.configFile ?? process.env.PATRONICTL_CONFIG_FILE,
      'dcs-url': typed.dcsUrl ?? process.env.DCS_URL,
      insecure: false,
    })
    if (!connected.ok) return
    const command = manual.commands.find(({ name }) => name.split(' ')[0] === typed.command)
    // The second word of `rolling restart` is not a name.
    const more = typed.names.slice((command?.name.split(' ').length ?? 1) - 1)
    const [argument] = command?.takes ?? []
    const names =
      args.kind === 'members' || wantsMember(argument?.synopsis ?? '', typed.command, more)
        ? await memberNames(connected.value, more[0] ?? null)
        : await clusterNames(connected.value)
    toStdout(names.map(name => `${name}\n`).join(''))
  }
}

/** Most commands take the cluster first, and some of them members after it. */
function wantsMember(synopsis: string, command: string | null, names: readonly string[]): boolean {
  if (/^\[?MEMBER/.test(synopsis)) return true
  return names.length > 0 && command !== 'list' && command !== 'topology'
}
