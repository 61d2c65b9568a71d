// The recovery settings of a standby: where its WAL comes from, and that it never stops following. The operator's own
// settings (restore_command and the like) are kept; everything that would end the recovery is dropped.

import type { Json } from '../../model/cluster/cluster.ts'
import type { Upstream } from '../../model/cluster/peer.ts'
import type { EffectivePostgresql, PostgresqlConfig } from '../../model/settings/config.ts'
import { type ConninfoFields, primaryConninfo } from './conninfo.ts'
import { RECOVERY_GUCS } from './guc-table.data.ts'
import { ParameterMap } from './parameter-map.ts'
import { parameterText } from './server-values.ts'
import { validRecoveryParameters } from './validation.ts'

/** Lower case. The last three are older spellings, which are no longer parameters but still occur in configurations. */
export const RECOVERY_NAMES: ReadonlySet<string> = new Set([
  ...Object.keys(RECOVERY_GUCS),
  'standby_mode',
  'pause_at_recovery_target',
  'trigger_file',
])

export interface RecoverySettings {
  /** Everything but primary_conninfo. */
  readonly parameters: ParameterMap
  /** With the password itself; null: the standby has nobody to stream from (WAL archive only). */
  readonly conninfo: ConninfoFields | null
}

interface RecoveryInput {
  readonly effective: Pick<EffectivePostgresql, 'parameters' | 'recoveryConf'>
  readonly config: PostgresqlConfig
  readonly applicationName: string
  readonly upstream: Upstream | null
  readonly majorVersion: number
  /** server_version_num, for the validity of each parameter. */
  readonly version: number
  readonly warn: (text: string) => void
}

export function standbyRecovery(input: RecoveryInput): RecoverySettings {
  const { upstream, config, applicationName, majorVersion } = input
  const parameters = operatorsSettings(input)
  // An included file could set a target, and the standby would stop or promote there: each is emptied.
  for (const target of ['', '_name', '_time', '_xid', '_lsn']) parameters.set(`recovery_target${target}`, '')
  parameters.set('recovery_target_timeline', 'latest')
  if (upstream === null || upstream.host === '') return { parameters, conninfo: null }
  if (upstream.slot !== null) parameters.set('primary_slot_name', upstream.slot)
  return { parameters, conninfo: primaryConninfo(upstream, config, applicationName, majorVersion) }
}

/** `recovery_conf`, or the recovery parameters among the ordinary ones: the latter replace the former as a whole. */
function operatorsSettings(input: RecoveryInput): ParameterMap {
  const { effective, warn, version, majorVersion } = input
  const misplaced = Object.entries(effective.parameters).filter(([name]) =>
    RECOVERY_NAMES.has(name.toLowerCase()),
  )
  const section = Object.entries(effective.recoveryConf)
  if (misplaced.length > 0 && section.length > 0) {
    warn('recovery parameters under postgresql.parameters replace the whole section postgresql.recovery_conf')
  }
  const chosen = toParameterMap(misplaced.length > 0 ? misplaced : section)
  const oldTrigger = chosen.get('trigger_file')
  if (oldTrigger !== null && !chosen.has('promote_trigger_file'))
    chosen.set('promote_trigger_file', oldTrigger)
  if (majorVersion >= 160000) chosen.delete('promote_trigger_file')
  for (const { name } of chosen.values()) if (isOurs(name.toLowerCase())) chosen.delete(name)
  return validRecoveryParameters(chosen, version, warn)
}

function isOurs(name: string): boolean {
  if (name.startsWith('recovery_target')) return true
  return [
    'primary_conninfo',
    'primary_slot_name',
    'standby_mode',
    'pause_at_recovery_target',
    'trigger_file',
  ].includes(name)
}

function toParameterMap(entries: readonly (readonly [string, Json])[]): ParameterMap {
  const map = new ParameterMap()
  for (const [name, value] of entries) {
    const text = parameterText(value)
    if (text !== null) map.set(name, text)
  }
  return map
}
