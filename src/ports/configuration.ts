// Puts the configuration that is wanted where PostgreSQL and the HTTP API read it.

export interface ConfigurationWriter {
  /** Begins, and does not wait: how far it is, and what it came to, are facts of the next snapshots. Nothing when it is begun. */
  apply(): void
}
