// Names of the keys below `/<namespace>/<scope>/` and the byte range that holds them all.

export interface KeySpace {
  /** `/service/batman/`: what every key of the cluster starts with. */
  readonly prefix: string
  /** First and, exclusively, last byte string of the range below the prefix. */
  readonly range: { readonly key: Buffer; readonly range_end: Buffer }
  /** Absolute key of a relative name such as `leader` or `members/pg1`. */
  absolute(name: string): Buffer
  /** Relative name of an absolute key; null when it lies elsewhere. */
  relative(key: Buffer): string | null
}

export function keySpace(namespace: string, scope: string): KeySpace {
  const prefix = `/${namespace}/${scope}/`.replace(/\/{2,}/g, '/')
  const start = Buffer.from(prefix)
  const end = Buffer.from(start)
  // The prefix ends with a slash, so that its last byte can always be counted up.
  end[end.length - 1] = 0x2f + 1
  return {
    prefix,
    range: { key: start, range_end: end },
    absolute: name => Buffer.from(prefix + name),
    relative: key => {
      const text = key.toString('utf8')
      return text.startsWith(prefix) ? text.slice(prefix.length) : null
    },
  }
}

/** A cluster has some twenty keys; of a namespace with very many clusters the first are enough. */
export const SCOPE_KEYS_MAX = 5000

/** Every key of every cluster in it. */
export function namespaceRange(namespace: string): KeySpace['range'] {
  return wholeNamespace(namespace).range
}

/** Names of the clusters that these keys belong to, sorted. */
export function scopesOf(namespace: string, keys: readonly Buffer[]): readonly string[] {
  const { relative } = wholeNamespace(namespace)
  const names = new Set(keys.map(key => relative(key)?.split('/')[0] ?? ''))
  return [...names].filter(name => name !== '').toSorted()
}

/** The range of a cluster without a name. */
function wholeNamespace(namespace: string): KeySpace {
  return keySpace(namespace, '')
}

/** A key of our own beside Patroni's, which ignores it: who took the leader key last, and empty once that node gave it up. On no lease. */
export const LAST_LEADER = 'hactl/last_leader'

/** Another one of our own, for each member that `hactl drain` drained. On no lease. */
export function drainKey(member: string): string {
  return `hactl/drain/${member}`
}

const DRAIN_KEY = /^hactl\/drain\/([^/]{1,255})$/

export function drainedMemberOf(relativeKey: string): string | null {
  return DRAIN_KEY.exec(relativeKey)?.[1] ?? null
}

/** Another: why the leadership changed hands, beside Patroni's `history`. On no lease. */
export const TAKEOVERS = 'hactl/history'

/** Another: whether something would stop the leader's server when its lease ends. On no lease. */
export const GUARD = 'hactl/guard'

const KNOWN_KEYS: ReadonlySet<string> = new Set([
  ...['initialize', 'config', 'leader', 'status', 'optime/leader', 'failover', 'history', 'sync', 'failsafe'],
  LAST_LEADER,
  TAKEOVERS,
  GUARD,
])

/** Does the key stand for something in a ClusterView? All others are not even kept. */
export function isKnownKey(relativeKey: string): boolean {
  return (
    KNOWN_KEYS.has(relativeKey) || memberNameOf(relativeKey) !== null || drainedMemberOf(relativeKey) !== null
  )
}

const MEMBER_KEY = /^members\/([^/]{1,255})$/

/** The member name of a relative key `members/<name>`; null for any other key, and for names longer than 255 characters. */
export function memberNameOf(relativeKey: string): string | null {
  return MEMBER_KEY.exec(relativeKey)?.[1] ?? null
}
