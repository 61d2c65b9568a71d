// PostgreSQL's parameter names are case-insensitive: `timezone` in etcd and `TimeZone` in a file are one parameter.
// The spelling that came last is the one that is written.

export interface Parameter {
  readonly name: string
  readonly value: string
}

export class ParameterMap {
  readonly #byLowerName = new Map<string, Parameter>()

  static of(entries: Readonly<Record<string, string>>): ParameterMap {
    const map = new ParameterMap()
    for (const [name, value] of Object.entries(entries)) map.set(name, value)
    return map
  }

  get(name: string): string | null {
    return this.#byLowerName.get(name.toLowerCase())?.value ?? null
  }

  has(name: string): boolean {
    return this.#byLowerName.has(name.toLowerCase())
  }

  set(name: string, value: string): void {
    this.#byLowerName.set(name.toLowerCase(), { name, value })
  }

  delete(name: string): void {
    this.#byLowerName.delete(name.toLowerCase())
  }

  get size(): number {
    return this.#byLowerName.size
  }

  /** By name in byte order, as Patroni writes them. */
  sorted(): readonly Parameter[] {
    return [...this.#byLowerName.values()].sort((a, b) =>
      Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
    )
  }

  /** In the order of setting. */
  values(): readonly Parameter[] {
    return [...this.#byLowerName.values()]
  }
}
