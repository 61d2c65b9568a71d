// The fixed points of the small world, and freezing to the bottom: a rule that changed its input would throw.

export const NOW = 1_000_000
export const WALL = 1_700_000_000_000
export const TTL = 30_000
export const ME = 'pg1'
export const OTHER = 'pg2'
export const OWN_IDENTIFIER = '7000000000000000001'

/** Everything below, too. A Map cannot be frozen: its writing methods are. */
export function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  if (value instanceof Map) {
    const refuse = (): never => {
      throw new Error('a Map of the snapshot was written to')
    }
    for (const inner of value.values()) frozen(inner)
    Object.assign(value, { set: refuse, delete: refuse, clear: refuse })
  }
  for (const inner of Object.values(value)) frozen(inner)
  return Object.freeze(value)
}
