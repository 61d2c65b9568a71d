// What a running PostgreSQL says of a parameter, and whether a value can be one of it.

import { parseBoolean, parseInteger, parseReal } from '../settings/values.ts'

/** Where a configuration has them below `postgresql`: for every role, and over that for one. */
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
  /** `postmaster`: only a restart brings a new value into force. */
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
  /** What this server has not; a name with a dot may be a setting of an extension that is not loaded. */
  readonly unknown: readonly { readonly name: string; readonly similar: readonly string[] }[]
}

/** For one question, so that no client can make the server work hard. */
export const PARAMETER_NAMES_MAX = 200
/** Letters as PostgreSQL's identifiers have them, and no longer: other names are none. */
export const PARAMETER_NAME: RegExp = /^[a-z_][a-z0-9_$]{0,62}(\.[a-z_][a-z0-9_$]{0,62})?$/i

/** What pg_settings does not list and the server takes all the same. */
const HIDDEN_VALUES: readonly string[] = ['debug', 'archive', 'hot_standby']

/** Why `text` cannot be a value of it, as a clause; null: it can. */
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

/** Already in force: a restart would change nothing. */
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
