// The command line typed so far, for completion: where etcd is, and which cluster is meant. Only as exact as completion
// needs.

interface TypedLine {
  readonly configFile: string | null
  readonly dcsUrl: string | null
  readonly command: string | null
  /** The arguments after the command. */
  readonly names: readonly string[]
}

const WITH_VALUE: Readonly<Record<string, 'configFile' | 'dcsUrl' | 'other'>> = {
  ...{ '-c': 'configFile', '--config-file': 'configFile' },
  ...{ '-d': 'dcsUrl', '--dcs-url': 'dcsUrl', '--dcs': 'dcsUrl', '--timeout': 'other' },
}

/** `line`: from the program's name up to the word being completed. `withValue`: options that take a value. */
export function readTypedLine(line: string, withValue: readonly string[], home: string): TypedLine {
  const words = line.split(/\s+/).filter(word => word !== '')
  const found: { configFile: string | null; dcsUrl: string | null } = { configFile: null, dcsUrl: null }
  const plain: string[] = []
  for (let at = 1; at < words.length; at++) {
    const [word = '', attached] = splitOption(words[at] ?? '')
    const kind =
      (Object.hasOwn(WITH_VALUE, word) ? WITH_VALUE[word] : null) ??
      (withValue.includes(word) ? 'other' : null)
    if (kind === null) {
      if (!word.startsWith('-')) plain.push(word)
      continue
    }
    const value = attached ?? words[++at] ?? null
    if (kind !== 'other' && value !== null) found[kind] = value.replace(/^~(?=\/)/, home)
  }
  const [command = null, ...names] = plain
  return { ...found, command, names }
}

function splitOption(word: string): readonly [string, string?] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)]
}
