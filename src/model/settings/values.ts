// How texts and numbers of a configuration are read, exactly as Patroni and PostgreSQL read them
// (spec/interfaces.md 1.12): booleans, integers in C notation with units, half-to-even rounding, Python's texts.

import type { Json } from '../cluster/cluster.ts'

/** `on true yes 1` / `off false no 0` in any case; null for anything else. */
export function parseBoolean(value: Json): boolean | null {
  if (typeof value === 'object') return null
  switch (String(value).toLowerCase()) {
    case 'on':
    case 'true':
    case 'yes':
    case '1':
      return true
    case 'off':
    case 'false':
    case 'no':
    case '0':
      return false
    default:
      return null
  }
}

/**
 * A whole number in the base unit. `baseUnit` is PostgreSQL's (`B kB MB ms s min`, perhaps with a multiplier as in
 * `8kB`); null when the setting has no unit, and then a value with one is not a number. Rounds half to even.
 * null: not a number, or too large to be exact.
 */
export function parseInteger(value: Json, baseUnit: string | null = null): number | null {
  const number = parseReal(value, baseUnit)
  if (number === null) return null
  const whole = roundHalfEven(number)
  return Number.isSafeInteger(whole) ? whole : null
}

/** As parseInteger, without the last rounding. */
export function parseReal(value: Json, baseUnit: string | null = null): number | null {
  if (typeof value !== 'number' && typeof value !== 'string') return null
  const scanned = scanNumber(String(value))
  if (scanned === null) return null
  if (scanned.unit === '') return scanned.number
  return baseUnit === null ? null : toBaseUnit(scanned.number, scanned.unit, baseUnit)
}

/** 2.5 -> 2, 3.5 -> 4: what C's rint and Python's round do and Math.round does not. */
export function roundHalfEven(number: number): number {
  const floor = Math.floor(number)
  const rest = number - floor
  if (rest < 0.5) return floor
  if (rest > 0.5) return floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}

interface Scanned {
  readonly number: number
  readonly unit: string
}

/** strtol with base 0 first; a number that goes on with `.` or an exponent is read again as a real one. */
function scanNumber(text: string): Scanned | null {
  const trimmed = text.trim()
  const real = /^[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE][-+]?\d))(?:[eE][-+]?\d+)?/.exec(trimmed)
  const whole = /^([-+]?)(0[xX][0-9a-fA-F]+|\d+)/.exec(trimmed)
  const taken = real?.[0] ?? whole?.[0]
  if (taken === undefined) return null
  const number = real !== null ? Number.parseFloat(taken) : wholeNumber(whole?.[1] ?? '', whole?.[2] ?? '')
  if (number === null || !Number.isFinite(number)) return null
  return { number, unit: trimmed.slice(taken.length).trim() }
}

function wholeNumber(sign: string, digits: string): number | null {
  const magnitude = /^0[xX]/.test(digits)
    ? Number.parseInt(digits.slice(2), 16)
    : /^0\d/.test(digits)
      ? octal(digits)
      : Number.parseInt(digits, 10)
  if (magnitude === null) return null
  return sign === '-' ? -magnitude : magnitude
}

/** strtol would read `08` as 0 followed by the unit `8`: not a number. */
function octal(digits: string): number | null {
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : null
}

/**
 * Largest first: a value is rounded to a multiple of the unit after its own, as PostgreSQL does. Bytes, microseconds.
 */
export const UNITS: readonly (readonly (readonly [name: string, size: number])[])[] = [
  [
    ['TB', 1024 ** 4],
    ['GB', 1024 ** 3],
    ['MB', 1024 ** 2],
    ['kB', 1024],
    ['B', 1],
  ],
  [
    ['d', 86_400_000_000],
    ['h', 3_600_000_000],
    ['min', 60_000_000],
    ['s', 1_000_000],
    ['ms', 1000],
    ['us', 1],
  ],
]

function toBaseUnit(number: number, unit: string, baseUnit: string): number | null {
  const base = /^(\d+)?([A-Za-z]+)$/.exec(baseUnit)
  if (base === null) return null
  const family = UNITS.find(units => units.some(([name]) => name === base[2]))
  const position = family?.findIndex(([name]) => name === unit) ?? -1
  const baseSize = family?.find(([name]) => name === base[2])?.[1]
  const size = family?.[position]?.[1]
  if (family === undefined || baseSize === undefined || size === undefined) return null
  const smaller = family[position + 1]?.[1]
  const rounded = smaller === undefined ? number * size : roundHalfEven((number * size) / smaller) * smaller
  return rounded / (baseSize * Number(base[1] ?? 1))
}

/** Python's `str(value)`: `True`, `None`, `['a', 1]`. Two values with the same text count as equal. */
export function pythonText(value: Json): string {
  return typeof value === 'string' ? value : pythonRepr(value)
}

function pythonRepr(value: Json): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  if (isJsonArray(value)) return `[${value.map(pythonRepr).join(', ')}]`
  return `{${Object.entries(value)
    .map(([key, item]) => `${pythonRepr(key)}: ${pythonRepr(item)}`)
    .join(', ')}}`
}

/** Python's truth of a value: null, false, 0, '', [] and {} are false; the text `false` is true. */
export function pythonTruth(value: Json): boolean {
  if (isJsonArray(value)) return value.length > 0
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0
  return Boolean(value)
}

/** Array.isArray does not narrow a readonly array out of a union. */
export function isJsonArray(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
