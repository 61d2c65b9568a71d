// Keeps a text made of the facts until something in them changes, and for so long at most, because parts of it age on their
// own: whoever asks again and again costs little.

import type { BootMillis, Millis } from '../../model/units.ts'
import type { Facts } from './request-facts.ts'

export class TextCache {
  readonly #validMs: Millis
  #text = ''
  #key: readonly unknown[] = []
  #untilMs: BootMillis = Number.NEGATIVE_INFINITY

  constructor(validMs: Millis) {
    this.#validMs = validMs
  }

  text(facts: Facts, make: () => string): string {
    const { status, settings, cluster, failsafeActive, server, leads } = facts
    const key = [status, settings, cluster, failsafeActive, server, leads]
    if (facts.nowMs < this.#untilMs && key.every((part, index) => part === this.#key[index]))
      return this.#text
    this.#text = make()
    this.#key = key
    this.#untilMs = facts.nowMs + this.#validMs
    return this.#text
  }
}
