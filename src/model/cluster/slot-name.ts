// The name of the physical replication slot that belongs to a member. Every node of a cluster, Patroni's included,
// must derive the same name, or a primary would drop a slot that a standby still needs (spec/postgres.md 5.1).

const SLOT_NAME_LENGTH_MAX = 63
/** Most names are their own slot names, and every beat asks for several. */
const PLAIN = /^[a-z0-9_]+$/

/** Two members may get the same slot name (`a-b` and `a.b`): only the caller can see that, and reports it. */
export function slotName(member: string): string {
  if (PLAIN.test(member)) return member.slice(0, SLOT_NAME_LENGTH_MAX)
  // Iterating a string yields code points, not UTF-16 halves: U+1F600 is one `u128512`.
  const mangled = Array.from(member.toLowerCase(), character => {
    if (/^[a-z0-9_]$/.test(character)) return character
    if (character === '-' || character === '.') return '_'
    return `u${String(character.codePointAt(0) ?? 0).padStart(4, '0')}`
  })
  return mangled.join('').slice(0, SLOT_NAME_LENGTH_MAX)
}
