// Certificates, keys and authorities that the configuration names: readable by this user, and each key that of its
// certificate.

import { readFile, stat } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Finding, LocalValues } from '../config/checks/contradictions.ts'
import { ACCOUNTS } from '../config/schema/postgresql-section.ts'
import { codeOrText, errorText } from '../model/error-text.ts'
import { isSignedBy } from '../system/signed-by.ts'

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
  const found = broken.filter(finding => finding !== null)
  if (found.length > 0) return [...unreadable, ...found]
  const ca = contentOf('ctl.cacert') ?? contentOf('restapi.cafile')
  return [
    ...unreadable,
    ...(await openKeys(values)),
    ...signedByOthers(contentOf('restapi.certfile'), ca, values),
  ]
}

/** libpq refuses such a key of an account; etcd's and the REST API's would be used. */
async function openKeys({ read }: LocalValues): Promise<readonly Finding[]> {
  const keys = [
    ...PAIRS.map(({ key }) => key),
    ...ACCOUNTS.map(account => `postgresql.authentication.${account}.sslkey` as const),
  ]
  const found = keys.map(async (path): Promise<Finding | null> => {
    const file = read(path)
    const mode =
      file === null
        ? 0
        : await stat(file).then(
            status => status.mode,
            () => 0,
          )
    if ((mode & 0o004) === 0) return null
    const message = `${file} is a private key, and every user of this machine may read it`
    return { kind: 'warning', path, message, hint: `Run: chmod 0600 ${file}` }
  })
  return (await Promise.all(found)).filter(finding => finding !== null)
}

/** Agents verify each other only if the authority signed their own certificates (ADR 20). */
function signedByOthers(
  own: Buffer | undefined,
  ca: Buffer | undefined,
  { read }: LocalValues,
): readonly Finding[] {
  if (own === undefined || ca === undefined || read('ctl.insecure') || isSignedBy(own, ca)) return []
  const authority = read('ctl.cacert') === null ? 'restapi.cafile' : 'ctl.cacert'
  const message = `is not signed by ${authority}, so that agents do not verify each other's certificates`
  const hint = 'Set ctl.cacert to the authority that signed the certificates of the members.'
  return [{ kind: 'warning', path: 'restapi.certfile', message, hint }]
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
