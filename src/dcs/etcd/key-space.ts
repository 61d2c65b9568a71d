// The byte ranges in etcd that hold the keys of a cluster and of a namespace.

import type { Scope } from '../../model/units.ts'

export interface KeySpace {
  /** `/service/batman/`: what every key of the cluster starts with. */
  readonly prefix: string
  /** Start (inclusive) and end (exclusive) of the range below the prefix. */
  readonly range: KeyRange
  /** Absolute key of a relative name such as `leader` or `members/pg1`. */
  absolute(name: string): Buffer
  /** Relative name of an absolute key; null when it lies elsewhere. */
  relative(key: Buffer): string | null
  /** The range below a relative folder such as `members/`. */
  below(folder: string): KeyRange
}

interface KeyRange {
  readonly key: Buffer
  readonly range_end: Buffer
}

export function keySpace(namespace: string, scope: Scope): KeySpace {
  const prefix = `/${namespace}/${scope}/`.replace(/\/{2,}/g, '/')
  return {
    prefix,
    range: rangeBelow(prefix),
    absolute: name => Buffer.from(prefix + name),
    relative: key => {
      const text = key.toString('utf8')
      return text.startsWith(prefix) ? text.slice(prefix.length) : null
    },
    below: folder => rangeBelow(prefix + folder),
  }
}

/** `folder` ends with a slash, so its last byte can always be incremented. */
function rangeBelow(folder: string): KeyRange {
  const key = Buffer.from(folder)
  const end = Buffer.from(key)
  end[end.length - 1] = 0x2f + 1
  return { key, range_end: end }
}

/** A cluster has some twenty keys; in a namespace with very many clusters the first ones are enough. */
export const SCOPE_KEYS_MAX = 5000

/** Every key of every cluster in it. */
export function namespaceRange(namespace: string): KeyRange {
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
