// `hactl manual`: the manual of all commands, as a manual page or as Markdown.

import { Flags } from '@oclif/core'
import { ParsedCommand } from '../src/terminal/command.ts'
import { describeCommands } from '../src/terminal/manual/describe.ts'
import { manPage, markdownPage } from '../src/terminal/manual/man.ts'
import { toStdout } from '../src/terminal/print.ts'

export default class Manual extends ParsedCommand {
  static override summary = 'Print the manual of all commands.'
  static override examples = [{ description: 'Read it:', command: '<%= config.bin %> manual | man -l -' }]
  static override flags = {
    format: Flags.option({
      options: ['man', 'markdown'] as const,
      default: 'man',
      summary: 'Roff, or Markdown.',
    })(),
  }

  override async run(): Promise<void> {
    const { flags } = await this.parse(Manual)
    const manual = describeCommands(this.config.commands)
    toStdout(flags.format === 'man' ? manPage(manual) : markdownPage(manual))
  }
}
