// What came from elsewhere (etcd, members, PostgreSQL, request bodies, files) as it may stand in a log line or on a
// terminal: nothing in it ends a line, moves the cursor, changes colours or turns the reading direction. The backslash
// itself stays as it is, so that text without such characters is never changed and a text may pass here twice.

/** Controls (C0, DEL, C1), the two separators that end a line, marks of direction, and halves of a surrogate pair. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}]/u
const EACH_UNPRINTABLE = new RegExp(UNPRINTABLE, 'gu')

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** One line: `\n`, `\t`, `\x1b`, `\u202e` in the place of such a character. */
export function printable(text: string): string {
  return UNPRINTABLE.test(text) ? text.replace(EACH_UNPRINTABLE, escaped) : text
}

/** Several lines, whose ends are meant. */
export function printableLines(text: string): string {
  return UNPRINTABLE.test(text) ? text.split('\n').map(printable).join('\n') : text
}

export function isPrintable(text: string): boolean {
  return !UNPRINTABLE.test(text)
}

/** Every text in `data`, names of fields included. What is not plain data stays as it is. */
export function printableData<T>(data: T): T {
  return mapped(data) as T
}

function mapped(data: unknown): unknown {
  if (typeof data === 'string') return printable(data)
  if (typeof data !== 'object' || data === null) return data
  if (Array.isArray(data)) return data.map(mapped)
  if (data instanceof Map) return new Map([...data].map(([key, value]) => [mapped(key), mapped(value)]))
  if (data instanceof Set) return new Set([...data].map(mapped))
  const prototype = Object.getPrototypeOf(data)
  if (prototype !== Object.prototype && prototype !== null) return data
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [printable(key), mapped(value)]))
}

/** A JSON document that means the same. JSON itself escapes only C0 and surrogates; its own line ends stay. */
export function printableJson(json: string): string {
  if (!UNPRINTABLE.test(json)) return json
  return json.replace(EACH_UNPRINTABLE, character => (character === '\n' ? character : unicode(character)))
}

function escaped(character: string): string {
  const short = SHORT[character]
  if (short !== undefined) return short
  const code = character.charCodeAt(0)
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : unicode(character)
}

function unicode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
