// Compares values of pg_settings (in base units, without the unit) with those of a configuration, and shows a value to
// people in the largest unit that loses nothing.

import type { Json } from '../../model/cluster/cluster.ts'
import { parseBoolean, parseInteger, parseReal, UNITS } from '../../model/settings/values.ts'

/** A JSON value as text in postgresql.conf; null: the parameter is not set, or cannot be written as text. */
export function parameterText(value: Json): string | null {
  if (value === null || typeof value === 'object') return null
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  return String(value)
}

/** `vartype` and `unit` as in pg_settings. A side that cannot be read counts as different. */
export function sameValue(vartype: string, unit: string | null, setting: string, wanted: string): boolean {
  switch (vartype) {
    case 'bool':
      return known(parseBoolean(setting), parseBoolean(wanted))
    case 'integer':
      return known(parseInteger(setting), parseInteger(wanted, unit))
    case 'real':
      return known(parseReal(setting), parseReal(wanted, unit))
    case 'enum':
      // `archive_mode = yes` is shown as `on`.
      return (
        setting.toLowerCase() === wanted.toLowerCase() || known(parseBoolean(setting), parseBoolean(wanted))
      )
    default:
      return setting === wanted
  }
}

function known<T>(left: T | null, right: T | null): boolean {
  return left !== null && left === right
}

/** Two texts as operators write them, without knowing the parameter's unit: `on` and `true`, `1GB` and `1024MB`. */
export function sameText(one: string, other: string): boolean {
  if (one === other) return true
  return [(text: string) => parseInteger(text, 'MB'), parseBoolean].some(read =>
    known(read(one), read(other)),
  )
}

/** `16384` in `8kB` -> `128MB`. A text that is not a number, and special values such as -1, stay as they are. */
export function readableValue(vartype: string, unit: string | null, text: string): string {
  if (vartype === 'bool') return boolText(text)
  if (vartype !== 'integer' && vartype !== 'real') return text
  const number = vartype === 'integer' ? parseInteger(text, unit) : parseReal(text, unit)
  if (number === null) return text
  const base = /^(\d+)?([A-Za-z]+)$/.exec(unit ?? '')
  const family = UNITS.find(sizes => sizes.some(([name]) => name === base?.[2]))
  const baseSize = family?.find(([name]) => name === base?.[2])?.[1]
  if (family === undefined || baseSize === undefined || number <= 0) return String(number)
  const whole = number * baseSize * Number(base?.[1] ?? 1)
  const fitting = family.find(([, size]) => whole % size === 0)
  return fitting === undefined ? `${number}${base?.[2] ?? ''}` : `${whole / fitting[1]}${fitting[0]}`
}

function boolText(text: string): string {
  const value = parseBoolean(text)
  if (value === null) return text
  return value ? 'on' : 'off'
}
