// How this program checks, and shows, certificates when it calls a member's API (spec/interfaces.md 1.13). With a
// client certificate the server's chain is verified even with `insecure`, but its host name is not.

import { readFile } from 'node:fs/promises'
import type { CtlConfig } from '../model/settings/config.ts'
import type { TlsRules } from '../system/http-call.ts'

interface TlsCaller {
  readonly ctl: Pick<CtlConfig, 'cacert' | 'certfile' | 'keyfile' | 'keyfilePassword'>
  /** Used when `ctl.cacert` is not set. */
  readonly restapiCafile: string | null
  /** Agents are always lenient; operators when `ctl.insecure` or `-k` says so. */
  readonly insecure: boolean
}

/** Reads the files; rejects with the file's error. */
export async function readTlsRules(caller: TlsCaller): Promise<TlsRules> {
  const { ctl, insecure } = caller
  const [ca, cert, key] = await Promise.all([
    read(ctl.cacert ?? caller.restapiCafile),
    read(ctl.certfile),
    read(ctl.certfile === null ? null : (ctl.keyfile ?? ctl.certfile)),
  ])
  return {
    ...(ca === null ? {} : { ca }),
    ...(cert === null || key === null ? {} : { cert, key }),
    ...(cert === null || ctl.keyfilePassword === null ? {} : { passphrase: ctl.keyfilePassword }),
    rejectUnauthorized: cert !== null || !insecure,
    ...(insecure ? { checkServerIdentity: () => undefined } : {}),
  }
}

function read(path: string | null): Promise<Buffer | null> {
  return path === null ? Promise.resolve(null) : readFile(path)
}
