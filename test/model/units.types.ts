// Compiled by `npm run check`, never run: each mix-up of two units below must fail to compile.

import type { LeaseView } from '../../src/model/decision/snapshot.ts'
import type {
  BootMillis,
  Bytes,
  LeaseId,
  Lsn,
  MemberName,
  Millis,
  Revision,
  Scope,
  Timeline,
  WallMillis,
} from '../../src/model/units.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { LeaseGuard } from '../../src/ports/lease-guard.ts'

declare const clock: Clock
declare const guard: LeaseGuard
declare const lease: LeaseView
declare const wallMs: WallMillis
declare const ttlMs: Millis
declare const lsn: Lsn
declare const timeline: Timeline
declare const name: MemberName
declare const leaseId: LeaseId

/** What is right stays short. */
export const leftMs: Millis = lease.validUntilMs - clock.bootMs()
export const deadlineMs: BootMillis = clock.bootMs() + 5000
export const lagBytes: Bytes = lsn - 16n

// @ts-expect-error a deadline by the wall clock
export const jumping: BootMillis = wallMs
// @ts-expect-error a moment since the start of the machine, shown as a date
export const shown: WallMillis = clock.bootMs()
// @ts-expect-error a length of time for a deadline
export const deadline: BootMillis = ttlMs
// @ts-expect-error a deadline for a length of time
export const budget: Millis = lease.validUntilMs
// @ts-expect-error a length of time for a date
export const date: WallMillis = ttlMs
// @ts-expect-error a position for an amount: the lag of a server at 0/3000000 is not 50331648 bytes
export const lag: Bytes = lsn
// @ts-expect-error an amount for a position
export const position: Lsn = lagBytes
// @ts-expect-error a timeline for a time
export const wait: Millis = timeline
// @ts-expect-error a cluster's name for a member's
export const scope: Scope = name
// @ts-expect-error a lease for a name
export const holder: MemberName = leaseId
// @ts-expect-error a number for a revision: only a store makes those
export const written: Revision = 5

// @ts-expect-error sleeps until a moment in place of for a time
void clock.sleep(lease.validUntilMs)
// @ts-expect-error moves the end of the lease to 30 s after the machine's start
guard.endsBy(lease.ttlMs)
// @ts-expect-error moves the end of the lease to the wall clock
guard.endsBy(clock.wallMs())
// @ts-expect-error compares two clocks
export const isOver = clock.bootMs() === clock.wallMs()
