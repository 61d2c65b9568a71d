// `hactl completion bash|zsh`: the completion script of a shell.

import { Args } from '@oclif/core'
import { DYNAMIC } from '../src/config/schema/schema.ts'
import { ParsedCommand } from '../src/terminal/command.ts'
import { completionScript, SHELLS } from '../src/terminal/manual/completion.ts'
import { describeCommands } from '../src/terminal/manual/describe.ts'
import { toStdout } from '../src/terminal/print.ts'

export default class Completion extends ParsedCommand {
  static override summary = 'Print the completion script for a shell.'
  static override examples = [
    { description: 'For this session:', command: 'source <(<%= config.bin %> completion bash)' },
    {
      description: 'For all users:',
      command: '<%= config.bin %> completion bash > /usr/share/bash-completion/completions/hactl',
    },
    {
      description: 'For all users of zsh:',
      command: '<%= config.bin %> completion zsh > /usr/local/share/zsh/site-functions/_hactl',
    },
  ]
  static override args = {
    shell: Args.string({ required: true, options: [...SHELLS], description: 'The shell.' }),
  }

  override async run(): Promise<void> {
    const { args } = await this.parse(Completion)
    // Below parameters a name follows.
    const settings = Object.keys(DYNAMIC).map(key => (/\.parameters/.test(key) ? `${key}.` : `${key}=`))
    toStdout(
      completionScript(
        describeCommands(this.config.commands),
        args.shell === 'zsh' ? 'zsh' : 'bash',
        settings,
      ),
    )
  }
}
