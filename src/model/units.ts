// Units of the vocabulary. Times are whole milliseconds, WAL positions are byte counts as bigint: a double would
// lose bytes beyond 8 PiB. The text form `X/X` is for people only; the wire (etcd, REST) uses plain integers.

/** Milliseconds on the boot-time clock (CLOCK_BOOTTIME): goes on while a machine is suspended, never jumps. */
export type Millis = number
/** Milliseconds since the epoch, for people and schedules only; deadlines never use it. */
export type WallMillis = number
/** A position in the write-ahead log, in bytes. */
export type Lsn = bigint
/** A PostgreSQL timeline id; 0 is never a valid one. */
export type Timeline = number
/** An etcd revision; safe as a number for about 285 years at a million writes a second. */
export type Revision = number
/** An etcd lease id: a 64-bit integer, kept as its decimal text. */
export type LeaseId = string
/** The `name` of a node, unique in its cluster (`scope`). */
export type MemberName = string

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

/** The greater of two positions of which either may be missing. */
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
