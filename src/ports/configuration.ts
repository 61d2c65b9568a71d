// Puts the wanted configuration where PostgreSQL and the HTTP API read it.

export interface ConfigurationWriter {
  /** Begins without waiting: progress and outcome are facts of the next snapshots. Does nothing once it has begun. */
  apply(): void
}
