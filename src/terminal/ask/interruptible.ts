// Ctrl-C while something is waited for that was asked of others: it is told, so that it can be taken back. A second one ends the
// process as usual.

export async function interruptible<T>(run: (interrupted: AbortSignal) => Promise<T>): Promise<T> {
  const interrupted = new AbortController()
  const interrupt = (): void => interrupted.abort()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.once(signal, interrupt)
  try {
    return await run(interrupted.signal)
  } finally {
    for (const signal of signals) process.off(signal, interrupt)
  }
}
