// What a running PostgreSQL reports about a parameter, and whether a text is a valid value for it.

import { parseBoolean, parseInteger, parseReal } from '../settings/values.ts'

/** Where a configuration has them below `postgresql`: for every role, and overriding that for one. */
export const PARAMETER_SECTIONS = [
  'parameters',
  'parameters_primary',
  'parameters_replica',
  'parameters_standby_leader',
] as const
export type ParameterSection = (typeof PARAMETER_SECTIONS)[number]

/** As in pg_settings. */
export interface ParameterFacts {
  readonly name: string
  /** `postmaster`: a new value takes effect only with a restart. */
  readonly context: string
  readonly vartype: string
  readonly unit: string | null
  readonly min: string | null
  readonly max: string | null
  readonly enumvals: readonly string[] | null
  /** The value in force, in `unit`; null where it is free text: that may hold a secret. */
  readonly setting: string | null
}

export interface ParameterAnswer {
  readonly parameters: readonly ParameterFacts[]
  /** Names that this server does not have; one with a dot may belong to an extension that is not loaded. */
  readonly unknown: readonly { readonly name: string; readonly similar: readonly string[] }[]
}

/** A limit for one request, so that no client can make the server work hard. */
export const PARAMETER_NAMES_MAX = 200
/** The letters and the length of PostgreSQL's identifiers: any other text is not a name. */
export const PARAMETER_NAME: RegExp = /^[a-z_][a-z0-9_$]{0,62}(\.[a-z_][a-z0-9_$]{0,62})?$/i

/** Parameters that pg_settings does not list but the server accepts. */
const HIDDEN_VALUES: readonly string[] = ['debug', 'archive', 'hot_standby']

/** Why `text` is not a valid value, as a clause; null: it is valid. */
export function impossibleValue(facts: ParameterFacts, text: string): string | null {
  switch (facts.vartype) {
    case 'bool':
      return parseBoolean(text) === null ? 'is neither on nor off' : null
    case 'enum':
      return isEnumValue(facts, text) ? null : `is not one of ${facts.enumvals?.join(', ')}`
    case 'integer':
      return outOfRange(facts, parseInteger(text, facts.unit), 'a whole number')
    case 'real':
      return outOfRange(facts, parseReal(text, facts.unit), 'a number')
    default:
      return null
  }
}

function isEnumValue({ name, enumvals }: ParameterFacts, text: string): boolean {
  if (enumvals === null) return true
  const value = text.toLowerCase()
  if (enumvals.includes(value) || HIDDEN_VALUES.includes(value)) return true
  // `on` was a hidden way to say md5 up to PostgreSQL 13.
  const takesBoolean = enumvals.includes('on') || enumvals.includes('off') || name === 'password_encryption'
  return takesBoolean && parseBoolean(value) !== null
}

function outOfRange({ unit, min, max }: ParameterFacts, number: number | null, kind: string): string | null {
  const inUnit = unit === null ? '' : ` (unit ${unit})`
  if (number === null) return `is not ${kind}${inUnit}`
  if (min !== null && number < Number(min)) return `is less than ${min}${inUnit}`
  return max !== null && number > Number(max) ? `is more than ${max}${inUnit}` : null
}

/** The value is in force already: a restart would change nothing. */
export function isInForce({ vartype, unit, setting }: ParameterFacts, text: string): boolean {
  if (setting === null) return false
  switch (vartype) {
    case 'bool':
      return parseBoolean(setting) === parseBoolean(text)
    case 'integer':
      return parseInteger(setting) === parseInteger(text, unit)
    case 'real':
      return parseReal(setting) === parseReal(text, unit)
    default:
      return setting.toLowerCase() === text.toLowerCase()
  }
}
