// What can be known of the watchdog device in a small world: what the node is configured to do with it, whether the fencer has
// it open, and what a look at it shows. A device that is open is not looked at.

import type { Memory } from '../../src/model/decision/memory.ts'
import type { Outcome } from '../../src/model/decision/outcome.ts'
import type { Self, Snapshot } from '../../src/model/decision/snapshot.ts'
import { seen, unseen } from '../../src/model/seen.ts'
import { type WatchdogRequest, type WatchdogSettings, watchdogRequest } from '../../src/model/watchdog.ts'
import { frozen, NOW } from './frozen.ts'
import { self, settings } from './parts.ts'

export interface WatchdogPart {
  readonly self: Self
  readonly fencer: Pick<Snapshot['fencer'], 'watchdog' | 'device'>
  readonly memory: Pick<Memory, 'watchdogFailure'>
  readonly outcomes: readonly Outcome[]
}

const WHY = '/dev/watchdog: Permission denied'
const FAILED: Outcome = frozen({ kind: 'failed', action: 'open-watchdog', why: WHY })

function wanted(mode: WatchdogSettings['mode']): WatchdogSettings {
  return { mode, device: '/dev/watchdog', driver: 'default', safetyMarginMs: 5000 }
}

function request(mode: 'automatic' | 'required'): WatchdogRequest {
  const made = watchdogRequest(wanted(mode), settings)
  if (made === null) throw new Error('the mode is not off')
  return made
}

const OPEN = { request: request('required'), timeoutS: 25 }
const OPEN_AUTOMATIC = { request: request('automatic'), timeoutS: 25 }
/** From before `ttl` was raised. */
const OPEN_SHORTER = { request: { ...request('required'), timeoutS: 10, ttlS: 15 }, timeoutS: 10 }

function part(mode: WatchdogSettings['mode'], more: Partial<Omit<WatchdogPart, 'self'>> = {}): WatchdogPart {
  return frozen({
    self: { ...self, watchdog: wanted(mode) },
    fencer: more.fencer ?? {},
    memory: more.memory ?? { watchdogFailure: null },
    outcomes: more.outcomes ?? [],
  })
}

function failure(mode: 'automatic' | 'required', agoMs: number): Pick<Memory, 'watchdogFailure'> {
  return { watchdogFailure: { request: request(mode), why: WHY, sinceMs: NOW - agoMs } }
}

const usable = { device: seen(null, NOW) }

export const watchdogs: readonly WatchdogPart[] = [
  part('off', { fencer: { watchdog: OPEN } }),
  part('automatic'),
  part('automatic', { memory: failure('automatic', 60_000) }),
  part('automatic', { fencer: { watchdog: OPEN_AUTOMATIC } }),
  part('required', { fencer: usable }),
  part('required', { fencer: { watchdog: OPEN } }),
  part('required', { fencer: { watchdog: OPEN_SHORTER } }),
  part('required', { fencer: { device: seen('no such file', NOW) } }),
  part('required', { fencer: { device: unseen('it was not looked at within 500 ms') } }),
  part('required', { fencer: usable, outcomes: [FAILED] }),
  part('required', { fencer: usable, outcomes: [FAILED], memory: failure('required', 4000) }),
]
