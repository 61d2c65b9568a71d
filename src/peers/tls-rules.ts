// How this program checks, and shows, certificates when it calls a member's API (spec/interfaces.md 1.13). With a
// client certificate the server's chain is verified even with `insecure`, but its host name is not.

import { readFile } from 'node:fs/promises'
import type { CtlConfig } from '../model/settings/config.ts'
import type { TlsRules } from '../system/http-call.ts'
import { isSignedBy } from '../system/signed-by.ts'

type Files = Pick<CtlConfig, 'cacert' | 'certfile' | 'keyfile' | 'keyfilePassword'>

/** An operator's command: the whole certificate, unless `ctl.insecure` or `-k` says otherwise. Rejects with a file's error. */
export async function readTlsRules(ctl: CtlConfig): Promise<TlsRules> {
  const { cert, rules } = await readFiles(ctl)
  return {
    ...rules,
    rejectUnauthorized: cert || !ctl.insecure,
    ...(ctl.insecure ? { checkServerIdentity: () => undefined } : {}),
  }
}

export interface AgentTlsRules {
  readonly rules: TlsRules
  /** Why the certificates of members are not verified; null: they are. */
  readonly unverified: string | null
}

/**
 * An agent: the chain, where the authority is known that signed the members' certificates. What this node demands of the
 * others, its own certificate fulfils: `restapi.cafile` may be the authority of clients alone, and then no member could
 * ask another (ADR 20). Rejects with a file's error.
 */
export async function readAgentTlsRules(ctl: CtlConfig, ownCertfile: string | null): Promise<AgentTlsRules> {
  const [{ ca, cert, rules }, own] = await Promise.all([readFiles(ctl), read(ownCertfile)])
  const unverified = cert
    ? null
    : ctl.insecure
      ? 'ctl.insecure is on'
      : ca === null
        ? 'neither ctl.cacert nor restapi.cafile is set'
        : own !== null && !isSignedBy(own, ca)
          ? `${ctl.cacert} did not sign this node's own certificate, ${ownCertfile}`
          : null
  const isStrict = ctl.verifyNames && !ctl.insecure
  return {
    rules: {
      ...rules,
      rejectUnauthorized: unverified === null,
      ...(isStrict ? {} : { checkServerIdentity: () => undefined }),
    },
    unverified,
  }
}

async function readFiles({ cacert, certfile, keyfile, keyfilePassword }: Files) {
  const [ca, cert, key] = await Promise.all([
    read(cacert),
    read(certfile),
    read(certfile === null ? null : (keyfile ?? certfile)),
  ])
  const rules: TlsRules = {
    ...(ca === null ? {} : { ca }),
    ...(cert === null || key === null ? {} : { cert, key }),
    ...(cert === null || keyfilePassword === null ? {} : { passphrase: keyfilePassword }),
  }
  return { ca, cert: cert !== null, rules }
}

function read(path: string | null): Promise<Buffer | null> {
  return path === null ? Promise.resolve(null) : readFile(path)
}
