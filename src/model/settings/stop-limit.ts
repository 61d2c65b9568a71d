// How long the stop of a primary may take before it is enforced.

import type { Millis } from '../units.ts'
import type { DynamicSettings } from './dynamic-settings.ts'

/**
 * `primary_stop_timeout`; null: no limit. In synchronous mode only, as in Patroni: an enforced stop writes no last record that
 * a candidate could confirm, and only a synchronous standby is known to have everything without one.
 */
export function primaryStopLimitMs({
  synchronousMode,
  primaryStopTimeoutMs,
}: DynamicSettings): Millis | null {
  return synchronousMode !== 'off' && primaryStopTimeoutMs > 0 ? primaryStopTimeoutMs : null
}
