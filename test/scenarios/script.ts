// The form of a scenario file: prose, and blocks of commands, a line of dashes, and what came of them.

export interface Block {
  /** Comment lines and empty lines before the commands, as they stand. */
  readonly prose: readonly string[]
  readonly commands: readonly string[]
  readonly expected: readonly string[]
}

const DASHES = '----'

export function parseScript(text: string): readonly Block[] {
  const blocks: Block[] = []
  let prose: string[] = []
  let commands: string[] = []
  let expected: string[] | null = null
  const finish = (): void => {
    if (expected === null) return
    blocks.push({ prose, commands, expected })
    prose = []
    commands = []
    expected = null
  }
  for (const line of text.replace(/\n+$/, '').split('\n')) {
    if (expected !== null && line !== '') expected.push(line)
    else if (expected !== null) finish()
    else if (line === DASHES) expected = []
    else if (line === '' || line.startsWith('#')) prose.push(line)
    else commands.push(line)
  }
  finish()
  if (commands.length > 0) throw new Error(`no ${DASHES} after: ${commands[0]}`)
  return blocks
}

export function printScript(blocks: readonly (Block & { readonly actual: readonly string[] })[]): string {
  const parts = blocks.map(({ prose, commands, actual }) => [...prose, ...commands, DASHES, ...actual, ''])
  return `${parts.flat().join('\n').trimEnd()}\n`
}
