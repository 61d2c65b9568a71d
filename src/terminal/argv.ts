// Patroni's global options may come before the command (`patronictl -c FILE list`); oclif wants the command first.
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

/** The second words of commands that have two. */
const SECOND_WORD: ReadonlyMap<string, string> = new Map([['rolling', 'restart']])

/**
 * Takes the arguments after the program's name and returns them with the command first. Everything from the command on
 * is left as it is, except options between the two words of a command (`rolling --pending restart`), which go behind
 * it; without a command (`hactl -c x --help`) the global options are dropped, since nothing would read them. `help
 * COMMAND` is `COMMAND --help`.
 */
export function normaliseArgv(argv: readonly string[]): string[] {
  const { moved, words } = takeGlobals(argv)
  const [command] = words
  if (command === 'help') return [...nameFirst(words.slice(1)).name, '--help']
  if (command === undefined || command.startsWith('-')) return [...words]
  const { name, rest } = nameFirst(words)
  return [...name, ...moved, ...rest]
}

interface Named {
  /** One word or two. */
  readonly name: readonly string[]
  readonly rest: readonly string[]
}

function nameFirst([command, ...rest]: readonly string[]): Named {
  const second = SECOND_WORD.get(command ?? '')
  if (command === undefined || second === undefined)
    return { name: command === undefined ? [] : [command], rest }
  // A global option's value may be the same word as a command, so the options are taken first.
  const { moved, words } = takeGlobals(rest)
  const at = words.indexOf(second)
  if (at === -1) return { name: [command, ...words.slice(0, 1)], rest: [...moved, ...words.slice(1)] }
  return { name: [command, second], rest: [...moved, ...words.slice(0, at), ...words.slice(at + 1)] }
}

/** The global options that `argv` begins with, and the words after them. */
function takeGlobals(argv: readonly string[]): {
  readonly moved: readonly string[]
  readonly words: readonly string[]
} {
  const moved: string[] = []
  let index = 0
  while (index < argv.length) {
    const taken = takeGlobal(argv, index)
    if (taken === null) break
    moved.push(...taken.options)
    index += taken.length
  }
  return { moved, words: argv.slice(index) }
}

interface Taken {
  readonly options: readonly string[]
  /** Number of arguments that it took. */
  readonly length: 1 | 2
}

function takeGlobal(argv: readonly string[], index: number): Taken | null {
  const word = argv[index] ?? ''
  const plain = own(WITHOUT_VALUE, word)
  if (plain !== undefined) return { options: [plain], length: 1 }
  const name = own(WITH_VALUE, word)
  if (name !== undefined) {
    const value = argv[index + 1]
    return value === undefined ? null : { options: [`${name}=${value}`], length: 2 }
  }
  const long = /^(--[a-z-]+)=(.*)$/s.exec(word)
  if (long !== null) {
    const option = own(WITH_VALUE, long[1] ?? '')
    return option === undefined ? null : { options: [`${option}=${long[2]}`], length: 1 }
  }
  const short = /^(-[cd])=?(.+)$/s.exec(word)
  if (short !== null) return { options: [`${WITH_VALUE[short[1] ?? '']}=${short[2]}`], length: 1 }
  // `-kc FILE`: short options in one word.
  if (!/^-k[kcd]/.test(word)) return null
  const more = takeGlobal([`-${word.slice(2)}`, ...argv.slice(index + 1)], 0)
  return more === null ? null : { options: ['--insecure', ...more.options], length: more.length }
}

/** A word may be `constructor`. */
function own(options: Readonly<Record<string, string>>, word: string): string | undefined {
  return Object.hasOwn(options, word) ? options[word] : undefined
}
