// The only signal handlers. They set flags and wake the loop; nothing is done inside a handler.

interface Signals {
  readonly onStop: (signal: string) => void
  readonly onReload: () => void
}

/** SIGTERM and SIGINT ask for an orderly stop (once), SIGHUP for a reload. Returns how to stop listening. */
export function listenToSignals({ onStop, onReload }: Signals): () => void {
  const stop = (signal: NodeJS.Signals): void => onStop(signal)
  const reload = (): void => onReload()
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', reload)
  // A closed pipe behind stdout must not kill the agent that holds the lease.
  process.on('SIGPIPE', () => undefined)
  return () => {
    process.off('SIGTERM', stop)
    process.off('SIGINT', stop)
    process.off('SIGHUP', reload)
  }
}
