// The notation of a case, fourth part: what somebody asked of this node, the restart that is scheduled,
// and the configuration that is to be applied.

import type { Memory } from '../../../src/model/decision/memory.ts'
import type { Order, RestartFilters } from '../../../src/model/decision/order.ts'
import type { ConfigurationView } from '../../../src/model/settings/configuration-view.ts'
import { WALL_MS } from './forms-world.ts'
import { type Form, readDuration } from './units.ts'

const who = { id: 'o1', by: 'a client at 10.0.0.9' }

/** `restart`, `restart of a replica older than 15.20 with pending settings within 30s`, `restart in 60s`, `reinitialize by force`. */
export function readOrder(text: string): Order {
  if (text === 'delete scheduled restart') return { kind: 'delete-scheduled-restart', ...who }
  const reinit = /^reinitialize( by force)?( from the leader)?$/.exec(text)
  if (reinit !== null)
    return {
      kind: 'reinitialize',
      ...who,
      force: reinit[1] !== undefined,
      fromLeader: reinit[2] !== undefined,
    }
  const match =
    /^restart(?: of a (primary|replica))?(?: older than (\S+))?( with pending settings)?(?: within (\S+))?(?: in (\S+))?$/.exec(
      text,
    )
  if (match === null) throw new Error(`not an order: ${text}`)
  const [, role, version, pending, within, at] = match
  const filters = filtersOf(role, version, pending)
  const timeoutMs = within === undefined ? null : readDuration(within)
  if (at === undefined) return { kind: 'restart', ...who, filters, timeoutMs }
  const atMs = WALL_MS + readDuration(at)
  return { kind: 'schedule-restart', ...who, filters, timeoutMs, atMs, shown: { schedule: isoTime(atMs) } }
}

function filtersOf(role?: string, version?: string, pending?: string): RestartFilters {
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number)
  return {
    ...(role === undefined ? {} : { role }),
    ...(version === undefined ? {} : { olderThan: { text: version, number: major * 10_000 + minor } }),
    ...(pending === undefined ? {} : { pendingOnly: true as const }),
  }
}

/** `restart scheduled in 60s`, `-5s` for one that is due; `for a replica`; `since another start`. */
export const scheduleForms: readonly Form<Memory>[] = [
  [/^start limit (\S+)$/, ([time = '']) => ({ startLimitMs: readDuration(time) })],
  [
    /^restart scheduled in (\S+)(?: for a (primary|replica))?( since another start)?$/,
    ([time = '', role, another]) => ({
      scheduledRestart: {
        ...{ filters: filtersOf(role), timeoutMs: null, by: who.by },
        atMs: WALL_MS + readDuration(time),
        postmasterStart: another === undefined ? null : '2026-11-21 07:00:00+00',
        shown: { schedule: isoTime(WALL_MS + readDuration(time)) },
      },
    }),
  ],
]

/** `wanted (a reload)`, `applying since 4s`, `failed 6s ago (no space)`, `an older one failed 1s ago (…)`, `file refused (…)`. */
export const configurationForms: readonly Form<ConfigurationView>[] = [
  [/^wanted \((.*)\)$/, ([because = '']) => ({ wanted: 2, because })],
  [/^applying since (\S+)$/, ([time = ''], nowMs) => ({ applyingSinceMs: nowMs - readDuration(time) })],
  [
    /^(an older one )?failed (\S+) ago \((.*)\)$/,
    ([older, time = '', why = ''], nowMs) => ({
      failure: { wanted: older === undefined ? 2 : 1, why, atMs: nowMs - readDuration(time) },
    }),
  ],
  [/^file refused \((.*)\)$/, ([why = '']) => ({ refusedFile: why })],
]

function isoTime(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', '+00:00')
}
