// Certificates, keys and authorities that the configuration names: readable by this user, and each key that of its
// certificate.

import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Finding, LocalValues } from '../config/checks/contradictions.ts'
import { ACCOUNTS } from '../config/schema/postgresql-section.ts'
import { codeOrText, errorText } from '../model/error-text.ts'

const PAIRS = [
  {
    cert: 'restapi.certfile',
    key: 'restapi.keyfile',
    password: 'restapi.keyfile_password',
    ca: 'restapi.cafile',
  },
  { cert: 'ctl.certfile', key: 'ctl.keyfile', password: 'ctl.keyfile_password', ca: 'ctl.cacert' },
  { cert: 'etcd3.cert', key: 'etcd3.key', password: null, ca: 'etcd3.cacert' },
] as const
const OF_ACCOUNTS = ['sslcert', 'sslkey', 'sslrootcert', 'sslcrl'] as const

export async function checkCertificates(values: LocalValues): Promise<readonly Finding[]> {
  const { read } = values
  const ofPairs = PAIRS.flatMap(({ cert, key, ca }) => [cert, key, ca])
  const ofAccounts = ACCOUNTS.flatMap(account =>
    OF_ACCOUNTS.map(key => `postgresql.authentication.${account}.${key}` as const),
  )
  const files = await Promise.all(
    [...ofPairs, ...ofAccounts].map(async path => {
      const file = read(path)
      return {
        path,
        text: file === null || file === 'system' ? null : await readFile(file).catch(codeOrText),
      }
    }),
  )
  const unreadable = files.flatMap(({ path, text }): readonly Finding[] => {
    if (typeof text !== 'string') return []
    const message =
      text === 'ENOENT' ? `${read(path)} does not exist` : `${read(path)} cannot be read: ${text}`
    return [{ kind: 'error', path, message, hint: 'The user of the agent must be able to read it.' }]
  })
  const contentOf = (path: string): Buffer | undefined => {
    const text = files.find(file => file.path === path)?.text
    return Buffer.isBuffer(text) ? text : undefined
  }
  const broken = PAIRS.map(({ cert, key, password, ca }) => {
    const why = whyUnusable(
      contentOf(cert),
      contentOf(key) ?? contentOf(cert),
      contentOf(ca),
      password === null ? null : read(password),
    )
    return why === null ? null : { kind: 'error' as const, path: cert, message: `cannot be used: ${why}` }
  })
  return [...unreadable, ...broken.filter(finding => finding !== null)]
}

function whyUnusable(
  cert: Buffer | undefined,
  key: Buffer | undefined,
  ca: Buffer | undefined,
  passphrase: string | null,
): string | null {
  if (cert === undefined && ca === undefined) return null
  try {
    createSecureContext({
      ...(cert === undefined ? {} : { cert, key }),
      ...(ca === undefined ? {} : { ca }),
      ...(passphrase === null ? {} : { passphrase }),
    })
    return null
  } catch (error) {
    return errorText(error)
  }
}
