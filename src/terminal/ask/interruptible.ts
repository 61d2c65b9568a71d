// Ctrl-C while a command waits for others to carry out its request: the signal is passed on, so that the request can be
// withdrawn. A second Ctrl-C ends the process as usual.

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
