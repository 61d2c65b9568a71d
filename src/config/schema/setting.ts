// One setting of the configuration, as data. Validation, defaults, the reference and the man page all come from it.

import type { Leaf } from './leaf.ts'

export interface Setting<T> {
  readonly leaf: Leaf<T>
  /** Value when nobody sets it; for a required setting never used. */
  readonly fallback: T
  /** The default as people read it. */
  readonly shown: string
  readonly required: boolean
  /** Environment variable in full; null when there is none. */
  readonly env: string | null
  /** Where it is read: the local file, the dynamic configuration in etcd, or both (local wins, as a whole). */
  readonly where: 'local' | 'dynamic' | 'both'
  /** True: a reload applies a change; false: the agent must be restarted. */
  readonly reloadable: boolean
  readonly support: Support
  /** Never shown. */
  readonly secret: boolean
  readonly about: string
}

/**
 * `later`: known, but this version does not act on it. `never`: it has no meaning for hactl. Either is warned about
 * once per `topic` when it is set to something else than its default.
 */
type Support =
  | { readonly kind: 'yes' }
  | { readonly kind: 'later' | 'never'; readonly topic: string; readonly consequence: string }

export type AnySetting = Setting<unknown>
export type Schema = Readonly<Record<string, AnySetting>>
export type ValueOf<S, K extends keyof S> = S[K] extends Setting<infer T> ? T : never

interface Details {
  readonly env?: string
  readonly where?: 'local' | 'dynamic' | 'both'
  readonly reloadable?: boolean
  readonly support?: Support
  readonly secret?: boolean
  readonly shown?: string
  readonly about: string
}

/** A setting with a default value. */
export function setting<T>(leaf: Leaf<T>, fallback: T, details: Details): Setting<T> {
  return { ...common(details), leaf, fallback, shown: details.shown ?? show(fallback), required: false }
}

/** A setting that may be absent: null. */
export function optional<T>(leaf: Leaf<T>, details: Details): Setting<T | null> {
  return { ...common(details), leaf, fallback: null, shown: details.shown ?? 'none', required: false }
}

/** A setting without which the agent cannot start. */
export function required<T>(leaf: Leaf<T>, details: Details): Setting<T> {
  // A missing value is an error before anybody reads it, so the fallback is unreachable; the reader asserts that.
  return { ...common(details), leaf, fallback: undefined as T, shown: 'required', required: true }
}

export function later(topic: string, consequence: string): Support {
  return { kind: 'later', topic, consequence }
}

export function never(topic: string, consequence: string): Support {
  return { kind: 'never', topic, consequence }
}

function common(details: Details) {
  return {
    env: details.env ?? null,
    where: details.where ?? 'local',
    reloadable: details.reloadable ?? true,
    support: details.support ?? ({ kind: 'yes' } as const),
    secret: details.secret ?? false,
    about: details.about,
  }
}

function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'empty' : value.join(', ')
  if (typeof value === 'object' && value !== null) return 'empty'
  return String(value)
}
