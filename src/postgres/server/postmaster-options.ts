// The arguments of the last start, which PostgreSQL writes to postmaster.opts: they say more than any file about what
// the server runs with, and can be read when it is stopped or lets nobody in.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface StartArgument {
  /** As a parameter of PostgreSQL: lower case, with underscores. */
  readonly name: string
  readonly value: string
}

/** -D: where the configuration file lies, and the data, unless the file says otherwise. No parameter's name. */
export const DIRECTORY = '-D'

/** Options of one letter that are parameters. */
const LETTERS: Readonly<Record<string, string>> = {
  B: 'shared_buffers',
  h: 'listen_addresses',
  k: 'unix_socket_directories',
  N: 'max_connections',
  p: 'port',
  S: 'work_mem',
}

/** In the order of the command line; null: the file cannot be read. */
export async function readStartArguments(dataDir: string): Promise<readonly StartArgument[] | null> {
  const text = await readFile(join(dataDir, 'postmaster.opts'), 'utf8').catch(() => null)
  return text === null ? null : parseStartArguments(text)
}

/** The program, then each argument in double quotes. */
function parseStartArguments(text: string): readonly StartArgument[] {
  const words = text
    .trim()
    .replace(/"$/, '')
    .split(/" "| "/)
    .slice(1)
  const found: StartArgument[] = []
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? ''
    const long = /^--([^=]+)=(.*)$/s.exec(word)
    const short = /^-([a-zA-Z])(.*)$/s.exec(word)
    if (long !== null) found.push(argument(long[1] ?? '', long[2] ?? ''))
    else if (short !== null && takesValue(short[1] ?? '')) {
      if (short[2] === '') at += 1
      const value = short[2] === '' ? (words[at] ?? '') : (short[2] ?? '')
      found.push(...ofLetter(short[1] ?? '', value))
    }
  }
  return found
}

function takesValue(letter: string): boolean {
  return letter === 'c' || letter === 'D' || letter in LETTERS
}

function ofLetter(letter: string, value: string): readonly StartArgument[] {
  if (letter === 'D') return [{ name: DIRECTORY, value }]
  if (letter !== 'c') {
    const name = LETTERS[letter]
    return name === undefined ? [] : [{ name, value }]
  }
  const pair = /^([^=]+)=(.*)$/s.exec(value)
  return pair === null ? [] : [argument(pair[1] ?? '', pair[2] ?? '')]
}

function argument(name: string, value: string): StartArgument {
  return { name: name.trim().toLowerCase().replaceAll('-', '_'), value }
}

/** The last one of a name counts, as for PostgreSQL. */
export function lastArgument(given: readonly StartArgument[], name: string): string | null {
  return given.findLast(argument => argument.name === name)?.value ?? null
}
