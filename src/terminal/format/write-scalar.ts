// How one scalar is written in YAML: plain where YAML 1.1 reads the same text back as a string, single-quoted
// otherwise, double-quoted only for what cannot be shown. Long texts are folded after column 200, as patronictl does.

interface ScalarPlace {
  /** Column of continuation lines. */
  readonly indent: number
  /** Column at which the text begins; minus infinity: never fold. */
  readonly column: number
  /** Inside `{…}` or `[…]`, where commas and brackets need quotes. */
  readonly flow: boolean
}

const WIDTH = 200

export function scalarText(value: null | boolean | number | string, place: ScalarPlace): string {
  if (typeof value === 'string') return stringText(value, place)
  return typeof value === 'number' ? numberText(value) : String(value)
}

function numberText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return String(value)
  const text = String(value)
  const [mantissa = '', exponent] = text.split('e')
  if (exponent === undefined) return text
  return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}e${exponent}`
}

function stringText(text: string, place: ScalarPlace): string {
  if (text === '') return "''"
  const oneLine = place.flow || place.column === -Infinity
  if (UNPRINTABLE.test(text) || / \n|\n /.test(text) || (oneLine && text.includes('\n')))
    return doubleQuoted(text)
  if (isPlain(text, place.flow)) return plain(text, place)
  return singleQuoted(text, place)
}

/** Controls but the line end, separators of lines, marks of direction, halves of a surrogate pair, no characters. */
const UNPRINTABLE = /(?!\n)[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cs}\ufeff\ufffe\uffff]/u

/** Texts that YAML 1.1 does not read as a string. */
const RESOLVED: readonly RegExp[] = [
  /^(?:yes|no|true|false|on|off|null)$/i,
  /^(?:~|=|<<)$/,
  /^[-+]?0b[0-1_]+$|^[-+]?0[0-7_]+$|^[-+]?(?:0|[1-9][0-9_]*)$|^[-+]?0x[0-9a-fA-F_]+$|^[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+$/,
  /^[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?$|^\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?$/,
  /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$/,
  /^\d{4}-\d\d-\d\d$/,
  /^\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?$/,
]

function isPlain(text: string, flow: boolean): boolean {
  if (RESOLVED.some(pattern => pattern.test(text))) return false
  if (/^[#,[\]{}&*!|>'"%@`]/.test(text) || /^[?:-](?:\s|$)/.test(text) || /^(?:---|\.\.\.)/.test(text))
    return false
  if (/^\s|\s$|\n|:(?:\s|$)|\s#/.test(text)) return false
  return !flow || !(/[,?[\]{}]/.test(text) || text.includes(':'))
}

/** Lines break at single blanks, at the first one past the width. */
function fold(
  text: string,
  place: ScalarPlace,
  start: number,
  mayBreakAt: (index: number) => boolean,
): string {
  let column = place.column + start
  let out = ''
  for (let index = 0; index < text.length; index += 1) {
    const single = text[index] === ' ' && text[index - 1] !== ' ' && text[index + 1] !== ' '
    if (single && column > WIDTH && mayBreakAt(index)) {
      out += `\n${' '.repeat(place.indent)}`
      column = place.indent
      continue
    }
    out += text[index]
    column += 1
  }
  return out
}

function plain(text: string, place: ScalarPlace): string {
  return fold(text, place, 0, () => true)
}

function singleQuoted(text: string, place: ScalarPlace): string {
  const inner = (line: string) => {
    const escaped = line.replaceAll("'", "''")
    return fold(escaped, place, 1, index => index > 0 && index < escaped.length - 1)
  }
  const [first = '', ...rest] = text.split(/(\n+)/)
  const pad = ' '.repeat(place.indent)
  let out = inner(first)
  for (let index = 0; index < rest.length; index += 2) {
    // Each line end is written as an additional empty line: a single one would be read as a blank.
    out += `${'\n'.repeat((rest[index] ?? '').length + 1)}${pad}${inner(rest[index + 1] ?? '')}`
  }
  return `'${out}'`
}

const SHORT: Readonly<Record<string, string>> = {
  '\0': '0',
  '\x07': 'a',
  '\b': 'b',
  '\t': 't',
  '\n': 'n',
  '\v': 'v',
  '\f': 'f',
  '\r': 'r',
  '\x1b': 'e',
  '"': '"',
  '\\': '\\',
}

function doubleQuoted(text: string): string {
  const escaped = [...text].map(character => {
    const short = SHORT[character]
    if (short !== undefined) return `\\${short}`
    if (!UNPRINTABLE.test(character)) return character
    const code = character.charCodeAt(0)
    return code < 0x100
      ? `\\x${code.toString(16).toUpperCase().padStart(2, '0')}`
      : `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`
  })
  return `"${escaped.join('')}"`
}
