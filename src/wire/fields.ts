// Lenient readers of single JSON fields: what cannot be used reads as null, never as an exception.

import { isPrintable } from '../model/command/printable.ts'
import type { Bytes, Lsn, MemberName, Timeline } from '../model/units.ts'
import type { ExactJson } from './exact-json.ts'

const TEXT_LENGTH_MAX = 4096
export const NAME_LENGTH_MAX = 255
const UNSIGNED_MAX = (1n << 64n) - 1n

export function textOrNull(value: ExactJson | undefined): string | null {
  return typeof value === 'string' && value !== '' && value.length <= TEXT_LENGTH_MAX ? value : null
}

/** A role; old versions call a primary `master`, a word that the rest of the code need not know. */
export function roleOrNull(value: ExactJson | undefined): string | null {
  const role = textOrNull(value)
  return role === 'master' ? 'primary' : role
}

/** A member name; anything that cannot be the last part of a member key is null. */
export function nameOrNull(value: ExactJson | undefined): MemberName | null {
  return typeof value === 'string' && /^[^/]+$/.test(value) && value.length <= NAME_LENGTH_MAX ? value : null
}

/**
 * The name of a member to be: of a member key, of a candidate. With a control character it is nobody's: it could forge
 * what people and programs read. Elsewhere such a name is kept as it is, because it is somebody's all the same.
 */
export function printableNameOrNull(value: ExactJson | undefined): MemberName | null {
  const name = nameOrNull(value)
  return name !== null && isPrintable(name) ? name : null
}

/** A WAL position from an integer or its decimal text. */
export function lsnOrNull(value: ExactJson | undefined): Lsn | null {
  return unsignedOrNull(value)
}

/** An amount of WAL, written like a position. */
export function bytesOrNull(value: ExactJson | undefined): Bytes | null {
  return unsignedOrNull(value)
}

function unsignedOrNull(value: ExactJson | undefined): bigint | null {
  let number: bigint
  if (typeof value === 'bigint') number = value
  else if (typeof value === 'number' && Number.isSafeInteger(value)) number = BigInt(value)
  else if (typeof value === 'string' && /^\d{1,20}$/.test(value)) number = BigInt(value)
  else return null
  return number >= 0n && number <= UNSIGNED_MAX ? number : null
}

export function timelineOrNull(value: ExactJson | undefined): Timeline | null {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 0xffffffff
    ? value
    : null
}
