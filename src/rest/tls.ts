// The certificate that this API presents. The files are read when the server starts, on reload, and whenever something
// changes in their directories (certificates are rotated by renaming files or links), so that nobody has to send a
// signal.

import { type FSWatcher, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { errorText } from '../model/error-text.ts'
import type { RestApiConfig } from '../model/settings/config.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'

export type TlsConfig = NonNullable<RestApiConfig['tls']>

const READ_MS = 5000
/** A rotation touches several files: wait for the last of them. */
const SETTLE_MS = 300

/** Reads the files and checks that they fit together; rejects with OpenSSL's words when they do not. */
export async function readTlsFiles(tls: TlsConfig): Promise<SecureContextOptions> {
  const read = (path: string | null) =>
    path === null ? Promise.resolve(null) : readFile(path, { signal: AbortSignal.timeout(READ_MS) })
  const [cert, key, ca] = await Promise.all([
    read(tls.certfile),
    read(tls.keyfile ?? tls.certfile),
    read(tls.cafile),
  ])
  const options: SecureContextOptions = {
    ...(cert === null ? {} : { cert }),
    ...(key === null ? {} : { key }),
    ...(ca === null ? {} : { ca }),
    ...(tls.keyfilePassword === null ? {} : { passphrase: tls.keyfilePassword }),
    ...(tls.ciphers === null ? {} : { ciphers: tls.ciphers }),
  }
  createSecureContext(options)
  return options
}

/** Calls `changed` a moment after the last change in the files' directories. Returns the function that stops this. */
export function watchTlsFiles(
  tls: TlsConfig,
  changed: () => Promise<void>,
  clock: Clock,
  log: Log,
): () => void {
  const stopped = new AbortController()
  let settling: AbortController | null = null
  const settle = async (latest: AbortController): Promise<void> => {
    await clock.sleep(SETTLE_MS, latest.signal)
    if (!latest.signal.aborted && !stopped.signal.aborted) await changed()
  }
  const onEvent = (): void => {
    settling?.abort()
    settling = new AbortController()
    void settle(settling)
  }
  const paths = [tls.certfile, tls.keyfile, tls.cafile].filter(path => path !== null)
  const watchers = [...new Set(paths.map(path => dirname(path)))].map(folder =>
    watchFolder(folder, onEvent, log),
  )
  return () => {
    stopped.abort()
    settling?.abort()
    for (const watcher of watchers) watcher?.close()
  }
}

function watchFolder(folder: string, changed: () => void, log: Log): FSWatcher | null {
  try {
    const watcher = watch(folder, { persistent: false }, changed)
    watcher.on('error', error => {
      log.warning(
        `REST API: ${folder} is no longer watched, certificates are read again on reload: ${errorText(error)}`,
      )
      watcher.close()
    })
    return watcher
  } catch (error) {
    log.warning(
      `REST API: ${folder} cannot be watched, certificates are read again on reload: ${errorText(error)}`,
    )
    return null
  }
}
