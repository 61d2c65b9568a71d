// The watchdog device: what this node asks of it, and whether that can be had (spec/ha.md 7). Pure arithmetic.

import type { DynamicSettings } from './settings/dynamic-settings.ts'
import type { BootMillis, Millis } from './units.ts'

/** The `watchdog` section of this node's configuration. */
export interface WatchdogSettings {
  readonly mode: 'off' | 'automatic' | 'required'
  readonly device: string
  /** `testing`: the device is a FIFO, and the time-out is written to it as text. */
  readonly driver: 'default' | 'testing'
  /** Negative: the time-out is half of `ttl`. */
  readonly safetyMarginMs: Millis
}

/** What is asked of the device under the settings in force. */
export interface WatchdogRequest {
  readonly mode: 'automatic' | 'required'
  readonly device: string
  readonly driver: 'default' | 'testing'
  readonly timeoutS: number
  readonly ttlS: number
  readonly loopWaitS: number
}

/** The device as the fencer has it open. */
export interface OpenWatchdog {
  readonly request: WatchdogRequest
  /** The time-out that the device took; it may differ from the one that was asked for. */
  readonly timeoutS: number
}

/** A device that could not be opened as was asked. */
export interface WatchdogFailure {
  readonly request: WatchdogRequest
  readonly why: string
  readonly sinceMs: BootMillis
}

type Times = Pick<DynamicSettings, 'ttlMs' | 'loopWaitMs' | 'retryTimeoutMs'>

/** How long after a renewal was sent the fencer may at most hear of it: the budgets of the request and of the arming. */
const RENEWAL_MS: Millis = 3000

/** null: the mode is off. */
export function watchdogRequest(
  { mode, device, driver, safetyMarginMs }: WatchdogSettings,
  settings: Times,
): WatchdogRequest | null {
  if (mode === 'off') return null
  const { ttlMs, loopWaitMs } = settings
  return {
    ...{ mode, device, driver },
    timeoutS: timeoutS(settings, safetyMarginMs),
    ttlS: ttlMs / 1000,
    loopWaitS: loopWaitMs / 1000,
  }
}

/**
 * The device counts from the moment when the fencer hears of a renewal, and the lease from the moment when it was sent:
 * a margin smaller than what lies between them would let the lease end first.
 */
function timeoutS({ ttlMs, retryTimeoutMs }: Times, safetyMarginMs: Millis): number {
  if (safetyMarginMs < 0) return Math.floor(ttlMs / 2000)
  const marginMs = Math.max(safetyMarginMs, Math.min(RENEWAL_MS, retryTimeoutMs + 500))
  return Math.max(0, Math.floor((ttlMs - marginMs) / 1000))
}

/** How late a renewal may be; negative: the device would reset a healthy machine. */
export function slackS(timeoutS: number, { loopWaitS }: WatchdogRequest): number {
  return timeoutS - loopWaitS
}

/** With less there is no time to stop PostgreSQL before the device fires, and to renew the lease before that. */
const SHORTEST_S = 2

function isTooShort(timeoutS: number, request: WatchdogRequest): boolean {
  return timeoutS < SHORTEST_S || slackS(timeoutS, request) < 0
}

/** Why no device could do what is asked; null: one could. */
export function impossible(request: WatchdogRequest): string | null {
  if (!isTooShort(request.timeoutS, request)) return null
  const { ttlS, loopWaitS, timeoutS: seconds } = request
  const what = `Watchdog not supported because leader TTL ${ttlS}`
  return ttlS < 2 * loopWaitS
    ? `${what} is less than 2x loop_wait ${loopWaitS}`
    : `${what} less safety_margin leaves a timeout of ${seconds} seconds, with a loop_wait of ${loopWaitS}`
}

/** Why a device that took this time-out does not do what is asked; null: it does. */
export function unfit(timeoutS: number, request: WatchdogRequest): string | null {
  const { device, mode, loopWaitS } = request
  if (isTooShort(timeoutS, request))
    return `${device} takes a timeout of ${timeoutS} seconds, with a loop_wait of ${loopWaitS}: it would reset a healthy machine`
  if (timeoutS > request.timeoutS && mode === 'required')
    return `${device} takes a timeout of ${timeoutS} seconds and not the ${request.timeoutS} that are safe`
  return null
}

export function sameRequest(one: WatchdogRequest, other: WatchdogRequest): boolean {
  return (
    sameDevice(one, other) &&
    one.mode === other.mode &&
    one.timeoutS === other.timeoutS &&
    one.ttlS === other.ttlS &&
    one.loopWaitS === other.loopWaitS
  )
}

export function sameDevice(one: WatchdogRequest, other: WatchdogRequest): boolean {
  return one.device === other.device && one.driver === other.driver
}
