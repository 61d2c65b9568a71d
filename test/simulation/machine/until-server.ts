// An agent process that waits for something of its server, with a limit.

import type { OsProcess } from './os-process.ts'
import type { Postmaster } from './postmaster.ts'

export type Waited = 'yes' | 'late' | 'aborted'

/** Waits until `isSo` holds of the server; the process hears of it only while it runs. */
export function untilServer(
  process: OsProcess,
  server: Postmaster,
  isSo: () => boolean,
  timeoutMs: number | null,
  signal: AbortSignal,
  onChange: () => void = () => {},
): Promise<Waited> {
  return new Promise(resolve => {
    if (isSo()) return resolve('yes')
    let unsubscribe = () => {}
    const finish = (how: Waited): void => {
      unsubscribe()
      timer?.cancel()
      signal.removeEventListener('abort', onAbort)
      resolve(how)
    }
    const onAbort = (): void => finish('aborted')
    const timer = timeoutMs === null ? null : process.after(timeoutMs, () => finish('late'))
    const listen = (): void => {
      unsubscribe = server.whenChanged(() => {
        if (isSo()) process.deliver(() => finish('yes'))
        else {
          listen()
          process.deliver(onChange)
        }
      })
    }
    listen()
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
