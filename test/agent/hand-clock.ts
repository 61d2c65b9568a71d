// A clock that a test moves by hand.

/** What sleeps wakes in its order while time passes. */
export function handClock() {
  let nowMs = 1000
  const sleepers: { readonly atMs: number; readonly run: () => void }[] = []
  const turn = () => new Promise(resolve => setImmediate(resolve))
  return {
    clock: {
      bootMs: () => nowMs,
      sleep: (ms: number): Promise<void> => new Promise(run => void sleepers.push({ atMs: nowMs + ms, run })),
    },
    pass: async (ms: number) => {
      const untilMs = nowMs + ms
      await turn()
      for (;;) {
        const next = sleepers.toSorted((a, b) => a.atMs - b.atMs)[0]
        if (next === undefined || next.atMs > untilMs) break
        sleepers.splice(sleepers.indexOf(next), 1)
        nowMs = Math.max(nowMs, next.atMs)
        next.run()
        await turn()
      }
      nowMs = untilMs
    },
    /** SIGSTOP and SIGCONT for the agent. */
    freeze: (ms: number) => {
      nowMs += ms
    },
  }
}
