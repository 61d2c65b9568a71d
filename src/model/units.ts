// Units. An instant on one clock, an instant on another, a length of time, a WAL position, an amount of WAL: each is a
// number underneath, and each is a type of its own, so that passing one for another does not compile
// (test/model/units.types.ts).
//
// The types are flavours: a plain number or a literal goes into any of them, two different ones do not go into each
// other. Strict brands would need a constructor after each addition and at each literal of a test, and the rules are
// read at three in the morning: `nowMs - sinceMs >= 5000` has to stay as it is. What flavours cannot see is arithmetic
// that yields the wrong kind. With strict instants the compiler asked about 35 places of src: all were an instant plus
// or minus a length.

declare const unit: unique symbol
type Flavour<T, Unit extends string> = T & { readonly [unit]?: Unit }

/**
 * An instant on the boot-time clock (CLOCK_BOOTTIME): it goes on while a machine is suspended and never jumps. All
 * deadlines are of this kind. Names end in `AtMs`, `SinceMs`, `UntilMs`, `DeadlineMs`, or are `nowMs`.
 */
export type BootMillis = Flavour<number, 'instant on the boot clock'>
/** An instant in milliseconds since the epoch, for people and schedules only: it jumps when somebody sets the clock. */
export type WallMillis = Flavour<number, 'instant on the wall clock'>
/** A length of time in milliseconds. */
export type Millis = Flavour<number, 'length of time'>
/**
 * A position in the write-ahead log, as a count of bytes; a double would lose bytes beyond 8 PiB. `X/X` is for people.
 */
export type Lsn = Flavour<bigint, 'WAL position'>
/**
 * An amount of WAL: the distance between two positions, or a limit of it. Names end in `Bytes`: the journal goes by
 * that.
 */
export type Bytes = Flavour<bigint, 'amount of WAL'>
/** A PostgreSQL timeline id; 0 is never a valid one. */
export type Timeline = Flavour<number, 'timeline'>
declare const revision: unique symbol
/**
 * When a key was written, in the order of its store: it can be ordered (src/model/revision.ts) and a write can be
 * guarded with it. What it is made of is the store's own business: unlike the others, a plain number does not go into
 * it.
 */
export interface Revision {
  readonly [revision]: true
}
/** The store's name for the lease or session that a node's keys hang on while it lives. */
export type LeaseId = Flavour<string, 'lease'>
/** The name of a cluster: a part of its keys. */
export type Scope = Flavour<string, 'scope'>
/** The `name` of a node, unique in its cluster. */
export type MemberName = Flavour<string, 'member'>

/** `0/3000148`: upper-case hex halves without padding, as PostgreSQL prints a position. */
export function formatLsn(lsn: Lsn): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`
}

/** Reads `X/X` (padded or not); null when the text is not a position. */
export function parseLsn(text: string): Lsn | null {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text.trim())
  if (match === null) return null
  const [, high, low] = match
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`)
}

/** The greater of two positions, either of which may be missing. */
export function maxLsn(a: Lsn | null, b: Lsn | null): Lsn | null {
  if (a === null) return b
  if (b === null) return a
  return a > b ? a : b
}

const BYTE_UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `1.2 GiB` */
export function bytesText(bytes: number): string {
  let [value, unit] = [bytes, 0]
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) [value, unit] = [value / 1024, unit + 1]
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${BYTE_UNITS[unit]}`
}
