// The byte ranges in etcd that hold the keys of a cluster and of a namespace.

import type { Scope } from '../../model/units.ts'

export interface KeySpace {
  /** `/service/batman/`: what every key of the cluster starts with. */
  readonly prefix: string
  /** Start (inclusive) and end (exclusive) of the range below the prefix. */
  readonly range: { readonly key: Buffer; readonly range_end: Buffer }
  /** Absolute key of a relative name such as `leader` or `members/pg1`. */
  absolute(name: string): Buffer
  /** Relative name of an absolute key; null when it lies elsewhere. */
  relative(key: Buffer): string | null
}

export function keySpace(namespace: string, scope: Scope): KeySpace {
  const prefix = `/${namespace}/${scope}/`.replace(/\/{2,}/g, '/')
  const start = Buffer.from(prefix)
  const end = Buffer.from(start)
  // The prefix ends with a slash, so its last byte can always be incremented.
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

/** A cluster has some twenty keys; in a namespace with very many clusters the first ones are enough. */
export const SCOPE_KEYS_MAX = 5000

/** Every key of every cluster in it. */
export function namespaceRange(namespace: string): KeySpace['range'] {
  return wholeNamespace(namespace).range
}

/** Names of the clusters that these keys belong to, sorted. */
export function scopesOf(namespace: string, keys: readonly Buffer[]): readonly string[] {
  const { relative } = wholeNamespace(namespace)
  const names = new Set(keys.map(key => relative(key)?.split('/')[0] ?? ''))
  const found: readonly string[] = [...names].filter(name => name !== '')
  return found.toSorted()
}

/** The range of a cluster without a name. */
function wholeNamespace(namespace: string): KeySpace {
  return keySpace(namespace, '')
}
