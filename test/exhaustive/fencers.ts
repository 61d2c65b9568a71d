// What can be known of the fencer in a small world, and which server it guards.

import type { Snapshot } from '../../src/model/decision/snapshot.ts'
import { frozen, NOW } from './frozen.ts'

export const IDENTITY = { pid: 4711, startTicks: '990' }
const idle: Snapshot['fencer'] = { alive: true, armedUntilMs: null, postmaster: null, formerMayAct: false }
const armed = { ...idle, armedUntilMs: NOW + 28_000, postmaster: IDENTITY }

export const fencers = {
  armed: frozen(armed),
  armedEarly: frozen({ ...armed, armedUntilMs: NOW + 3000 }),
  other: frozen({ ...armed, postmaster: { pid: 12, startTicks: '1' } }),
  idle: frozen(idle),
  dead: frozen({ ...idle, alive: false, formerMayAct: true }),
}
