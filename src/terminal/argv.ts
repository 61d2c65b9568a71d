// Patroni's global options may stand before the command (`patronictl -c FILE list`); oclif wants the command first.
// They are moved behind it in their long form, because some commands give `-c` and `-d` a meaning of their own.

const WITH_VALUE: Readonly<Record<string, string>> = {
  '-c': '--config-file',
  '--config-file': '--config-file',
  '-d': '--dcs-url',
  '--dcs': '--dcs-url',
  '--dcs-url': '--dcs-url',
  '--timeout': '--timeout',
}
const WITHOUT_VALUE: Readonly<Record<string, string>> = {
  '-k': '--insecure',
  '--insecure': '--insecure',
  '--json': '--json',
}

/**
 * Takes the arguments after the program's name, gives them with the command first. Everything from the command on is
 * left as it is; without a command (`hactl -c x --help`) the global options are dropped, since nothing would read them.
 * `help COMMAND` is `COMMAND --help`.
 */
export function normaliseArgv(argv: readonly string[]): string[] {
  const moved: string[] = []
  let index = 0
  while (index < argv.length) {
    const taken = takeGlobal(argv, index)
    if (taken === null) break
    moved.push(taken.option)
    index += taken.length
  }
  const words = argv.slice(index)
  const [command] = words
  if (command === 'help') return [...words.slice(1, 1 + lengthOfName(words[1])), '--help']
  if (command === undefined || command.startsWith('-')) return [...words]
  const length = lengthOfName(command)
  return [...words.slice(0, length), ...moved, ...words.slice(length)]
}

/** `rolling restart` is one command of two words. */
function lengthOfName(command: string | undefined): 1 | 2 {
  return command === 'rolling' ? 2 : 1
}

interface Taken {
  readonly option: string
  /** Number of arguments that it took. */
  readonly length: 1 | 2
}

function takeGlobal(argv: readonly string[], index: number): Taken | null {
  const word = argv[index] ?? ''
  const plain = WITHOUT_VALUE[word]
  if (plain !== undefined) return { option: plain, length: 1 }
  const name = WITH_VALUE[word]
  if (name !== undefined) {
    const value = argv[index + 1]
    return value === undefined ? null : { option: `${name}=${value}`, length: 2 }
  }
  const long = /^(--[a-z-]+)=(.*)$/s.exec(word)
  if (long !== null) {
    const option = WITH_VALUE[long[1] ?? '']
    return option === undefined ? null : { option: `${option}=${long[2]}`, length: 1 }
  }
  const short = /^(-[cd])=?(.+)$/s.exec(word)
  return short === null ? null : { option: `${WITH_VALUE[short[1] ?? '']}=${short[2]}`, length: 1 }
}
