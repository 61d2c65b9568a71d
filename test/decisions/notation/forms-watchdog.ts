// The notation of a case: the watchdog of this node. How it is configured, whether the fencer has the device open, whether
// the device can be used, and what became of the last try to open it.

import { seen, unseen } from '../../../src/model/seen.ts'
import { type WatchdogSettings, watchdogRequest } from '../../../src/model/watchdog.ts'
import type { Draft } from './draft.ts'
import { type Form, readClauses, readDuration } from './units.ts'

interface Words {
  readonly mode: WatchdogSettings['mode']
  readonly marginS: number
  /** Of the request that was opened; the device has taken it. null: not open. */
  readonly openFor: 'wanted' | number | null
  readonly device: 'usable' | { readonly why: string } | { readonly unknown: string }
  readonly failed: { readonly forMs: number; readonly why: string } | null
}

const forms: readonly Form<Words>[] = [
  [/^(off|automatic|required)$/, ([mode]) => ({ mode: mode as Words['mode'] })],
  [/^margin (-?\d+)s$/, ([seconds]) => ({ marginS: Number(seconds) })],
  [/^open$/, () => ({ openFor: 'wanted' })],
  [/^open with (\d+)s$/, ([seconds]) => ({ openFor: Number(seconds) })],
  [/^not usable \((.*)\)$/, ([why = '']) => ({ device: { why } })],
  [/^not seen \((.*)\)$/, ([unknown = '']) => ({ device: { unknown } })],
  [
    /^not opened for (\S+) \((.*)\)$/,
    ([time = '', why = '']) => ({ failed: { forMs: readDuration(time), why } }),
  ],
]

/** After the lines about the settings, on which the timeout depends. */
export function readWatchdog(text: string, d: Draft): void {
  const none: Words = { mode: 'off', marginS: 5, openFor: null, device: 'usable', failed: null }
  const words = { ...none, ...readClauses('watchdog', text, d.nowMs, forms) }
  const { mode, marginS, openFor, device, failed } = words
  const settings = {
    mode,
    device: '/dev/watchdog',
    driver: 'default',
    safetyMarginMs: marginS * 1000,
  } as const
  d.self.watchdog = settings
  const request =
    watchdogRequest(settings, d.settings) ?? watchdogRequest({ ...settings, mode: 'automatic' }, d.settings)
  if (request === null) throw new Error('bug: a mode that is on has a request')
  if (mode === 'required' && openFor === null) d.watched.device = lookedAt(device, d.nowMs)
  if (openFor !== null) {
    const timeoutS = openFor === 'wanted' ? request.timeoutS : openFor
    d.watched.watchdog = { request: { ...request, timeoutS }, timeoutS }
    d.reset = { resetAfterMs: timeoutS * 1000 }
  }
  if (failed !== null)
    d.memory.watchdogFailure = { request, why: failed.why, sinceMs: d.nowMs - failed.forMs }
}

function lookedAt(device: Words['device'], nowMs: number): NonNullable<Draft['watched']['device']> {
  if (device === 'usable') return seen(null, nowMs)
  return 'unknown' in device ? unseen(device.unknown) : seen(device.why, nowMs)
}
