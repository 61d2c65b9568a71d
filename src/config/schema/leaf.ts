// How one value of the configuration is read: its type as the documentation names it, and a parser that says in a few
// words what is wrong. Parsers never throw and never name the value itself, since it may be a secret.

import { resolve } from 'node:path'
import type { Json, JsonObject } from '../../model/cluster/cluster.ts'
import { isJsonObject } from '../../model/settings/patch.ts'
import {
  isJsonArray,
  parseBoolean,
  parseReal,
  pythonText,
  roundHalfEven,
} from '../../model/settings/values.ts'

export interface Leaf<T> {
  /** As the documentation shows it, e.g. `integer >= 1`. */
  readonly type: string
  /** How the text of an environment variable becomes a value. */
  readonly fromEnvironment: 'text' | 'list' | 'map' | 'format'
  readonly parse: (raw: Json) => Parsed<T>
  /** How every node repairs a value in etcd that `parse` refuses; null, or absent: with the default. */
  readonly repair?: (raw: Json) => Repaired<T> | null
}

interface Repaired<T> {
  readonly value: T
  /** One clause, e.g. `3 is used`. */
  readonly how: string
}

export type Parsed<T> =
  | { readonly ok: true; readonly value: T; readonly warning?: string }
  | { readonly ok: false; readonly message: string }

export function read<T>(value: T): Parsed<T> {
  return { ok: true, value }
}

export function refuse(message: string): Parsed<never> {
  return { ok: false, message }
}

export function text(): Leaf<string> {
  return { type: 'text', fromEnvironment: 'text', parse: readText }
}

/** A number in place of text is accepted with a warning, as by Patroni: YAML has already read `0123` as 83. */
export function readText(raw: Json): Parsed<string> {
  if (typeof raw === 'string') return read(raw)
  if (typeof raw === 'number') {
    return { ok: true, value: pythonText(raw), warning: 'is a number, taken as text; put it in quotes' }
  }
  if (typeof raw === 'boolean')
    return refuse('is not text: YAML reads on, off, yes and no as booleans; put it in quotes')
  return refuse('is not text but a list or a mapping; if text is meant, put it in quotes')
}

/** Text that must not be empty. */
export function nonEmptyText(): Leaf<string> {
  return {
    ...text(),
    parse: raw => {
      const parsed = readText(raw)
      return parsed.ok && parsed.value.trim() === '' ? refuse('is empty') : parsed
    },
  }
}

/** A file or directory; a relative one counts from the working directory, as in Patroni. */
export function path(): Leaf<string> {
  return {
    type: 'path',
    fromEnvironment: 'text',
    parse: raw => {
      const parsed = nonEmptyText().parse(raw)
      return parsed.ok ? { ...parsed, value: resolve(parsed.value) } : parsed
    },
  }
}

interface IntegerLimits {
  readonly min?: number
  readonly max?: number
  /** A fraction in etcd is cut off, as Patroni does for the three times; it rounds all other numbers. */
  readonly truncated?: true
  /** PostgreSQL base unit in which a value may have a unit of its own. */
  readonly unit?: string
}

export function integer(limits: IntegerLimits = {}): Leaf<number> {
  const { min, max, unit, truncated } = limits
  const range = [min === undefined ? '' : ` >= ${min}`, max === undefined ? '' : ` <= ${max}`].join('')
  return {
    type: `integer${range}${unit === undefined ? '' : `, ${unit} or with a unit`}`,
    fromEnvironment: 'text',
    parse: raw => {
      const number = parseReal(raw, unit ?? null)
      // Patroni rounds 10.5 in one place and refuses it in another: without a unit a fraction is refused.
      if (number === null || (unit === undefined && !Number.isInteger(number))) {
        return refuse(
          unit === undefined
            ? 'is not an integer (units are not read here)'
            : `is not an integer or a quantity like 30${unit}`,
        )
      }
      const value = roundHalfEven(number)
      if (!Number.isSafeInteger(value)) return refuse('is too large')
      if (min !== undefined && value < min) return refuse(`is smaller than ${min}`)
      if (max !== undefined && value > max) return refuse(`is greater than ${max}`)
      return read(value)
    },
    repair: raw => {
      const number = parseReal(raw, unit ?? null)
      if (number === null) return null
      const whole = truncated === true ? Math.trunc(number) : roundHalfEven(number)
      const value = Math.max(min ?? -Number.MAX_SAFE_INTEGER, Math.min(max ?? Number.MAX_SAFE_INTEGER, whole))
      return { value, how: `${value} is used` }
    },
  }
}

export function boolean(): Leaf<boolean> {
  return {
    type: 'boolean',
    fromEnvironment: 'text',
    parse: raw => {
      const value = parseBoolean(raw)
      return value === null ? refuse('is not a boolean (on, off, true, false, yes, no, 1, 0)') : read(value)
    },
  }
}

/** One of a list of words, in any case. `aliases` are other spellings, in lower case (`false` is YAML's off). */
export function choice<const T extends string>(
  words: readonly T[],
  aliases: Readonly<Record<string, T>> = {},
): Leaf<T> {
  return {
    type: words.join(' | '),
    fromEnvironment: 'text',
    parse: raw => {
      const spelt = typeof raw === 'object' ? '' : String(raw).toLowerCase()
      const value =
        words.find(word => word.toLowerCase() === spelt) ??
        (Object.hasOwn(aliases, spelt) ? aliases[spelt] : undefined)
      return value === undefined ? refuse(`is not one of ${words.join(', ')}`) : read(value)
    },
  }
}

/** A mapping whose keys are the user's. */
export function mapping(type = 'mapping'): Leaf<JsonObject> {
  return {
    type,
    fromEnvironment: 'map',
    parse: raw => (isJsonObject(raw) ? read(raw) : refuse('is not a mapping (key: value)')),
  }
}

/** A mapping of simple values to simple values, e.g. PostgreSQL parameters. null entries count as absent. */
export function scalars(): Leaf<Readonly<Record<string, Json>>> {
  return {
    type: 'mapping of simple values',
    fromEnvironment: 'map',
    parse: raw => {
      if (!isJsonObject(raw)) return refuse('is not a mapping (name: value)')
      const bad = Object.entries(raw).filter(([, value]) => typeof value === 'object' && value !== null)
      if (bad.length > 0)
        return refuse(`has values that are lists or mappings: ${bad.map(([name]) => name).join(', ')}`)
      return read(Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== null)))
    },
    repair: raw => {
      if (!isJsonObject(raw)) return null
      const simple = Object.entries(raw).filter(([, value]) => typeof value !== 'object')
      return { value: Object.fromEntries(simple), how: 'they are left out' }
    },
  }
}

/** A mapping of names to texts; numbers and booleans become their text. */
export function texts(): Leaf<Readonly<Record<string, string>>> {
  return {
    type: 'mapping of texts',
    fromEnvironment: 'map',
    parse: raw => {
      const parsed = scalars().parse(raw)
      if (!parsed.ok) return parsed
      return read(
        Object.fromEntries(Object.entries(parsed.value).map(([name, value]) => [name, pythonText(value)])),
      )
    },
  }
}

/** A list of texts, or one text with commas. */
export function list(): Leaf<readonly string[]> {
  return {
    type: 'list of texts',
    fromEnvironment: 'list',
    parse: raw => {
      if (typeof raw === 'string') return read(splitCommas(raw))
      return readLines(raw)
    },
  }
}

/** A list of lines, each of which may hold commas (pg_hba, pg_ident). */
export function lines(): Leaf<readonly string[]> {
  return { type: 'list of lines', fromEnvironment: 'list', parse: readLines }
}

function readLines(raw: Json): Parsed<readonly string[]> {
  if (!isJsonArray(raw)) return refuse('is not a list')
  const wrong = raw.findIndex(item => typeof item === 'object' || typeof item === 'boolean')
  if (wrong >= 0) return refuse(`item ${wrong + 1} is not text`)
  return read(raw.map(pythonText))
}

export function splitCommas(value: string): readonly string[] {
  return value
    .split(',')
    .map(item => item.trim())
    .filter(item => item !== '')
}
