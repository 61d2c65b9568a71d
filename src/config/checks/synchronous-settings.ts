// Settings of synchronous replication that contradict each other: each is valid, and together they do not do what whoever
// wrote them expects.

import type { Json } from '../../model/cluster/cluster.ts'
import { parseBoolean } from '../../model/settings/values.ts'
import type { DYNAMIC } from '../schema/schema.ts'
import type { Values } from './check-document.ts'

interface Told {
  readonly path: string
  readonly message: string
}

/** Sections whose parameters a primary may have in force. */
const SECTIONS = ['parameters', 'parameters_primary'] as const

export function synchronousWarnings(
  values: Values<typeof DYNAMIC>,
  isStandbyCluster: boolean,
): readonly Told[] {
  const mode = values.read('synchronous_mode')
  if (mode === 'off') return withoutMode(values)
  if (isStandbyCluster) return [{ path: 'synchronous_mode', message: 'has no effect in a standby cluster' }]
  return SECTIONS.flatMap(section =>
    Object.entries(values.read(`postgresql.${section}`)).flatMap(([name, value]) => {
      const message = contradiction(name.toLowerCase(), value)
      return message === null ? [] : [{ path: `postgresql.${section}.${name}`, message }]
    }),
  )
}

function withoutMode({ read }: Values<typeof DYNAMIC>): readonly Told[] {
  const message = 'has no effect while synchronous_mode is off'
  return [
    ...(read('synchronous_mode_strict') ? [{ path: 'synchronous_mode_strict', message }] : []),
    ...(read('synchronous_node_count') > 1 ? [{ path: 'synchronous_node_count', message }] : []),
    ...(read('maximum_lag_on_syncnode') > 0 ? [{ path: 'maximum_lag_on_syncnode', message }] : []),
  ]
}

function contradiction(name: string, value: Json): string | null {
  if (name === 'synchronous_standby_names')
    return 'is ignored while synchronous_mode is on: the leader decides which standbys are waited for'
  if (name !== 'synchronous_commit') return null
  const isLocal = typeof value === 'string' && value.trim().toLowerCase() === 'local'
  if (!isLocal && parseBoolean(value) !== false) return null
  const shown = isLocal ? 'local' : 'off'
  return `is ${shown}: commits wait for no standby then, and synchronous_mode protects only sessions that set it to on`
}
