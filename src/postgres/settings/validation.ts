// Checks each parameter against PostgreSQL's own rules before it is written: one bad value in the dynamic
// configuration must not keep every node of the cluster from starting.

import { errorText } from '../../model/error-text.ts'
import { parseBoolean, parseInteger, parseReal } from '../../model/settings/values.ts'
import { type GucRule, type GucTable, RECOVERY_GUCS, SERVER_GUCS } from './guc-table.data.ts'
import { ParameterMap } from './parameter-map.ts'
import type { Warn } from './parameters.ts'

const SERVER_RULES = byLowerName(SERVER_GUCS)
const RECOVERY_RULES = byLowerName(RECOVERY_GUCS)

/**
 * A name that the lexer of postgresql.conf accepts, in ASCII, with at most one dot. `include…` is a directive there and
 * not a parameter, however it is written.
 */
const NAME = /^(?!include(_dir|_if_exists)?$)[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/i

/**
 * Keeps the values that the server will accept; numbers out of range are moved to the nearest limit. Names without a
 * rule are kept when they have a dot (extensions) or when this server's `--describe-config` lists them.
 */
export async function validServerParameters(
  parameters: ParameterMap,
  version: number,
  describeConfig: () => Promise<ReadonlySet<string>>,
  warn: Warn,
): Promise<ParameterMap> {
  const result = new ParameterMap()
  let described: ReadonlySet<string> | null = null
  for (const { name, value } of parameters.values()) {
    if (!NAME.test(name)) {
      warn(`parameter name ${JSON.stringify(name)} is not one that a settings file can hold, removed`)
      continue
    }
    const rule = ruleFor(SERVER_RULES, name, version)
    if (rule === null && !name.includes('.')) {
      described ??= await describeOrNothing(describeConfig, warn)
      if (!described.has(name.toLowerCase())) {
        warn(`parameter ${name} is unknown to this PostgreSQL, removed`)
        continue
      }
    }
    keepValid(result, name, value, rule, warn)
  }
  return result
}

/** The same for the parameters of a standby's recovery; those that this version does not know are left out. */
export function validRecoveryParameters(parameters: ParameterMap, version: number, warn: Warn): ParameterMap {
  const result = new ParameterMap()
  for (const { name, value } of parameters.values()) {
    const rule = ruleFor(RECOVERY_RULES, name, version)
    if (rule === null)
      warn(`recovery parameter ${JSON.stringify(name)} is unknown to this PostgreSQL, removed`)
    else keepValid(result, name.toLowerCase(), value, rule, warn)
  }
  return result
}

async function describeOrNothing(
  describeConfig: () => Promise<ReadonlySet<string>>,
  warn: Warn,
): Promise<ReadonlySet<string>> {
  try {
    return new Set([...(await describeConfig())].map(name => name.toLowerCase()))
  } catch (error) {
    // A missing parameter is a nuisance, an unknown one keeps the server from starting.
    warn(`cannot ask postgres for its parameters: ${errorText(error)}`)
    return new Set()
  }
}

function keepValid(
  result: ParameterMap,
  name: string,
  value: string,
  rule: GucRule | null,
  warn: Warn,
): void {
  if (value.includes('\0')) {
    warn(`parameter ${name} holds a NUL character, removed`)
    return
  }
  const valid = rule === null ? value : validText(rule, value)
  if (valid === null) {
    warn(`parameter ${name}=${JSON.stringify(value)} is not valid, removed`)
    return
  }
  if (valid !== value) warn(`parameter ${name}=${JSON.stringify(value)} is out of range, ${valid} is used`)
  result.set(name, valid)
}

/** null: drop it. */
function validText(rule: GucRule, value: string): string | null {
  switch (rule.kind) {
    case 'string':
      return value
    case 'bool':
      return parseBoolean(value) === null ? null : value
    case 'enum':
      return rule.values.includes(value.toLowerCase()) ? value : null
    case 'enum-or-bool':
      return rule.values.includes(value.toLowerCase()) || parseBoolean(value) !== null ? value : null
    case 'integer':
    case 'real': {
      const unit = rule.unit ?? null
      const number = rule.kind === 'integer' ? parseInteger(value, unit) : parseReal(value, unit)
      if (number === null) return null
      if (number < rule.min) return String(rule.min)
      return number > rule.max ? String(rule.max) : value
    }
  }
}

function ruleFor(
  rules: ReadonlyMap<string, readonly GucRule[]>,
  name: string,
  version: number,
): GucRule | null {
  const candidates = rules.get(name.toLowerCase()) ?? []
  return (
    candidates.find(({ from = 0, till }) => version >= from && (till === undefined || version < till)) ?? null
  )
}

function byLowerName(table: GucTable): ReadonlyMap<string, readonly GucRule[]> {
  return new Map(Object.entries(table).map(([name, rules]) => [name.toLowerCase(), rules]))
}

/** `15.18` -> 150018, `16beta1` -> 160000; null when it is not a version. */
export function versionNumber(text: string): number | null {
  const match = /^(\d+)(?:\.(\d+))?/.exec(text.trim())
  return match === null ? null : Number(match[1]) * 10000 + Number(match[2] ?? 0)
}
