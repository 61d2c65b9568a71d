// What an unquoted YAML scalar means, by the same expressions as PyYAML (measured against 6.0.3): 0777 is 511, 1_000 is
// 1000, 1:30 is 90, on and off are booleans; y, n, 1e5, 08 and 0o7 are text.

const TRUE = /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/
const FALSE = /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/
const NULL = /^(?:~|null|Null|NULL|)$/
const INTEGER = /^([-+]?)(?:0b([01_]+)|0x([0-9a-fA-F_]+)|(0|[1-9][0-9_]*)|0([0-7_]+))$/
const INTEGER_BASE_60 = /^([-+]?)([1-9][0-9_]*(?::[0-5]?[0-9])+)$/
const REAL = /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?)$/
const REAL_BASE_60 = /^([-+]?)([0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)$/

/** A number that a double cannot hold stays text: Python would keep every digit, and a password may be one. */
export function resolvePlain(text: string): null | boolean | number | string {
  if (NULL.test(text)) return null
  if (TRUE.test(text)) return true
  if (FALSE.test(text)) return false
  const number = integer(text) ?? real(text)
  if (number === null || Number.isNaN(number)) return text
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) return text
  return number
}

function integer(text: string): number | null {
  const match = INTEGER.exec(text)
  if (match === null) return base60(INTEGER_BASE_60.exec(text))
  const [, sign, binary, hex, decimal, octal] = match
  const [digits, radix] = binary
    ? [binary, 2]
    : hex
      ? [hex, 16]
      : decimal
        ? [decimal, 10]
        : [`0${octal ?? ''}`, 8]
  return signed(sign, Number.parseInt(digits.replaceAll('_', ''), radix))
}

function real(text: string): number | null {
  if (REAL.test(text)) return Number.parseFloat(text.replaceAll('_', ''))
  return base60(REAL_BASE_60.exec(text))
}

function base60(match: RegExpExecArray | null): number | null {
  if (match === null) return null
  const places = (match[2] ?? '').replaceAll('_', '').split(':')
  return signed(
    match[1],
    places.reduce((sum, place) => sum * 60 + Number(place), 0),
  )
}

function signed(sign: string | undefined, magnitude: number): number {
  return sign === '-' && magnitude !== 0 ? -magnitude : magnitude
}
