// TLS to PostgreSQL as libpq makes it: which attempts an sslmode means, in which order, and what is verified
// (https://www.postgresql.org/docs/16/libpq-ssl.html). `pg` knows no such modes; it gets one attempt at a time.

import { readdir, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, rootCertificates } from 'node:tls'
import { errorCode, errorText } from '../model/error-text.ts'
import { SSL_MODES } from '../model/settings/libpq-values.ts'

/** The options of an account by libpq's keywords: sslmode, sslrootcert, channel_binding, require_auth, … */
export type AccountOptions = Readonly<Partial<Record<string, string>>>

const IN_ENVIRONMENT = {
  sslmode: 'PGSSLMODE',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  sslrootcert: 'PGSSLROOTCERT',
  sslcrl: 'PGSSLCRL',
  sslcrldir: 'PGSSLCRLDIR',
  sslnegotiation: 'PGSSLNEGOTIATION',
  gssencmode: 'PGGSSENCMODE',
  channel_binding: 'PGCHANNELBINDING',
  require_auth: 'PGREQUIREAUTH',
} as const

/** libpq's variables, for what a user runs. */
export function optionsOfEnvironment(env: NodeJS.ProcessEnv): AccountOptions {
  const found = Object.entries(IN_ENVIRONMENT).map(([keyword, name]) => [keyword, env[name]] as const)
  return Object.fromEntries(found.filter(([, value]) => value !== undefined))
}

export interface TlsAttempt {
  /** null: without TLS. */
  readonly tls: ConnectionOptions | null
  /** The server's certificate leads to a known authority, or there is no connection. */
  readonly verified: boolean
  readonly negotiation: 'postgres' | 'direct'
}

const PLAIN: TlsAttempt = { tls: null, verified: false, negotiation: 'postgres' }

type SslMode = (typeof SSL_MODES)[number]

/**
 * In libpq's order; the second is made when the server refuses the first. `host`: a socket directory has no TLS, whatever
 * the mode. Rejects with the reason when a file is missing or the options do not fit together.
 */
export async function tlsAttempts(host: string, options: AccountOptions): Promise<readonly TlsAttempt[]> {
  if (options.gssencmode === 'require')
    throw new Error("gssencmode is require, but hactl's own connections cannot be encrypted with GSSAPI")
  if (host.startsWith('/')) return [PLAIN]
  const mode = modeOf(options)
  if (mode === 'disable') return [PLAIN]
  const secured = await securedAttempt(mode, options)
  if (mode === 'allow') return [PLAIN, secured]
  return mode === 'prefer' ? [secured, PLAIN] : [secured]
}

function modeOf({ sslmode, sslrootcert }: AccountOptions): SslMode {
  const isSystem = sslrootcert === 'system'
  const mode = SSL_MODES.find(known => known === (sslmode || (isSystem ? 'verify-full' : 'prefer')))
  if (mode === undefined) throw new Error(`sslmode "${sslmode}" is none of ${SSL_MODES.join(', ')}`)
  if (isSystem && mode !== 'verify-full')
    throw new Error(`sslrootcert is system, which needs sslmode verify-full, and not ${mode}`)
  return mode
}

async function securedAttempt(mode: SslMode, options: AccountOptions): Promise<TlsAttempt> {
  const isLenient = mode === 'allow' || mode === 'prefer'
  const [authority, own] = await Promise.all([
    authorityOf(options, isLenient),
    ownCertificate(options, isLenient),
  ])
  if (authority === null && mode.startsWith('verify'))
    throw new Error(
      `sslmode is ${mode}, but there is no root certificate: set sslrootcert, or make ${inHome('root.crt')}`,
    )
  return {
    tls: {
      // As in libpq a root certificate is used in every mode, and in none can a server do without one that it leads to.
      rejectUnauthorized: authority !== null,
      ...authority,
      ...own,
      ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
    },
    verified: authority !== null,
    negotiation: options.sslnegotiation === 'direct' && !isLenient ? 'direct' : 'postgres',
  }
}

async function authorityOf(
  { sslrootcert, sslcrl, sslcrldir }: AccountOptions,
  isLenient: boolean,
): Promise<Pick<ConnectionOptions, 'ca' | 'crl'> | null> {
  const ca =
    sslrootcert === 'system'
      ? [...rootCertificates]
      : await fileOf(sslrootcert, 'root.crt', 'sslrootcert', isLenient)
  if (ca === null) return null
  const [list, lists] = await Promise.all([
    fileOf(sslcrl, 'root.crl', 'sslcrl', isLenient),
    sslcrldir ? listsIn(sslcrldir) : [],
  ])
  const crl = [...(list === null ? [] : [list]), ...lists]
  return { ca, ...(crl.length === 0 ? {} : { crl }) }
}

async function ownCertificate(
  { sslcert, sslkey, sslpassword }: AccountOptions,
  isLenient: boolean,
): Promise<Pick<ConnectionOptions, 'cert' | 'key' | 'passphrase'>> {
  const cert = await fileOf(sslcert, 'postgresql.crt', 'sslcert', isLenient)
  const key = cert === null ? null : await fileOf(sslkey, 'postgresql.key', 'sslkey', isLenient)
  if (cert === null || key === null) return {}
  return { cert, key, ...(sslpassword ? { passphrase: sslpassword } : {}) }
}

/**
 * The named file, else libpq's default in the home directory. null: there is none; a named one that is missing is an error,
 * except in a mode that goes without TLS too.
 */
async function fileOf(
  named: string | undefined,
  usual: string,
  keyword: string,
  isLenient: boolean,
): Promise<string | null> {
  const path = named || inHome(usual)
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = errorCode(error) ?? ''
    const isAbsent = ['ENOENT', 'ENOTDIR'].includes(code)
    if (isAbsent && (!named || isLenient)) return null
    // What another user keeps in the home directory is not meant for us.
    if (!named && code === 'EACCES') return null
    throw new Error(`${keyword} ${path} cannot be read: ${errorText(error)}`)
  }
}

/** `sslcrldir`: files that openssl rehash has named. */
async function listsIn(directory: string): Promise<readonly string[]> {
  const names = (await readdir(directory)).filter(name => /\.r\d+$/.test(name))
  return await Promise.all(names.map(name => readFile(join(directory, name), 'utf8')))
}

function inHome(name: string): string {
  return join(homedir(), '.postgresql', name)
}
