// Every base backup takes along a private key that is in the data directory, so its owner gets one warning when a
// server starts with it.

import { isAbsolute, join, sep } from 'node:path'
import type { Context } from '../context.ts'

const LIMIT_MS = 1000

export async function warnOfExposedKey({ dataDir, kept, log, state }: Context): Promise<void> {
  if (state.keyWarned) return
  const answer = await kept.query(
    `SELECT pg_catalog.current_setting('ssl_key_file') AS key WHERE pg_catalog.current_setting('ssl')::pg_catalog.bool`,
    LIMIT_MS,
  )
  const key = answer.ok ? answer.rows[0]?.key : undefined
  if (typeof key !== 'string') return
  const path = isAbsolute(key) ? key : join(dataDir, key)
  if (!path.startsWith(dataDir + sep)) return
  state.keyWarned = true
  log(
    'warning',
    `the private key ${path} lies in the data directory: every copy of this node takes it along, and a new ` +
      'replica shows the certificate of the node it was copied from; keep ssl_cert_file and ssl_key_file ' +
      'elsewhere',
  )
}
