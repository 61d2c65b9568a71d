// Runs the demo to its end, interrupted or not, and returns its outcome as a typed result.

import { done, failed, type Result } from '../../model/command/failure.ts'
import { errorText } from '../../model/error-text.ts'
import { systemClock } from '../../system/clock.ts'
import { type DemoResult, runDemo } from './demo.ts'
import type { DemoOptions } from './stage.ts'

/** The longest time that a demo may take (it takes about half a minute). */
const DEMO_LIMIT_MS = 180_000

export async function demonstrate(
  options: Omit<DemoOptions, 'clock' | 'signal'>,
): Promise<Result<DemoResult>> {
  const interrupted = new AbortController()
  const interrupt = (): void => interrupted.abort()
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    const signal = AbortSignal.any([interrupted.signal, AbortSignal.timeout(DEMO_LIMIT_MS)])
    const result = await runDemo({ ...options, clock: systemClock(), signal })
    if (result.missing.length === 0) return done(result)
    const reason = `${result.missing.length} acknowledged rows are missing: ${result.missing.slice(0, 10).join(', ')}`
    return failed(
      {
        kind: 'refused',
        action: 'the demo',
        reason,
        hint: 'This is a bug in hactl: please report it with the output above.',
      },
      result,
    )
  } catch (error) {
    if (interrupted.signal.aborted) return failed({ kind: 'interrupted' })
    const reason = errorText(error)
    return failed({
      kind: 'refused',
      action: 'the demo',
      reason,
      hint: 'Run bin/setup, and look at the logs above.',
    })
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}
