// Why a connection to an etcd endpoint fails, in one plain sentence. gRPC, Node and OpenSSL have texts for programmers;
// for a fault in the configuration the sentence names the key. Rows are tried in order.

import type { EtcdConfig } from '../../model/settings/config.ts'
import type { Millis } from '../../model/units.ts'

type Tls = EtcdConfig['tls']

interface Row {
  readonly text: RegExp
  /** null: this row does not apply after all. */
  readonly say: (endpoint: string, tls: Tls, match: RegExpExecArray) => string | null
}

const TABLE: readonly Row[] = [
  { text: /ECONNREFUSED/, say: endpoint => `${endpoint} refuses connections` },
  {
    text: /ENOTFOUND|Name resolution failed/,
    say: endpoint => `the name of ${endpoint} cannot be resolved`,
  },
  { text: /EHOSTUNREACH|ENETUNREACH/, say: endpoint => `there is no route to ${endpoint}` },
  { text: /(ENOENT|EACCES|EISDIR).*?'([^']+)'/, say: (_endpoint, tls, match) => unreadable(tls, match) },
  {
    text: /key values mismatch/i,
    say: (_endpoint, tls) =>
      `etcd3.key (${tls?.key ?? tls?.cert}) does not belong to etcd3.cert (${tls?.cert})`,
  },
  {
    text: /no start line|PEM routines|bad base64|asn1 encoding/i,
    say: () => 'a file of etcd3.cacert, etcd3.cert or etcd3.key is not in PEM format',
  },
  {
    text: /unable to verify the first certificate|self.signed certificate|issuer certificate|UNABLE_TO_/i,
    say: unverified,
  },
  {
    text: /does not match certificate|ALTNAME_INVALID/,
    say: endpoint => `the certificate of ${endpoint} is for other names than the one in etcd3.hosts`,
  },
  { text: /certificate has expired/i, say: endpoint => `the certificate of ${endpoint} has expired` },
  {
    text: /alert (?:bad certificate|certificate required|unknown ca|unknown|handshake failure|access denied)/i,
    say: clientCertificate,
  },
  {
    text: /wrong version number|packet length too long/i,
    say: endpoint => `${endpoint} does not speak TLS, and etcd3.protocol is https`,
  },
  {
    text: /HTTP request to an HTTPS server/i,
    say: endpoint => `${endpoint} speaks TLS, and etcd3.protocol is not https`,
  },
]

/** null: another try a moment later may not meet this fault. */
export function connectionFault(details: string, endpoint: string, tls: Tls): string | null {
  for (const { text, say } of TABLE) {
    const match = text.exec(details)
    const said = match === null ? null : say(endpoint, tls, match)
    if (said !== null) return said
  }
  return null
}

/** What gRPC and Node say when nobody answered in time. */
const SILENCE = /no answer within|Deadline exceeded|aborted due to timeout|no connection: null/

/** What an endpoint did, in one plain sentence; etcd's own `details` are left as they are. */
export function whatItDid(details: string, endpoint: string, tls: Tls): string {
  const fault = connectionFault(details, endpoint, tls)
  if (fault !== null) return fault
  return SILENCE.test(details) ? `${endpoint} does not answer` : `${endpoint}: ${details}`
}

/** The reasons of all endpoints that were asked; `said` has the last one of each. */
export function noAnswer(budgetMs: Millis, said: ReadonlyMap<unknown, string>): string {
  const texts = [...new Set(said.values())].join(', ').slice(0, 400)
  return `etcd did not answer within ${Math.round(budgetMs)} ms: ${texts || 'no time left, not sent'}`
}

/** What each of `count` endpoints said when it was last asked; null: one of them may just be slow. */
export function allRefuse(faults: ReadonlyMap<unknown, string | null>, count: number): string | null {
  const texts = [...new Set(faults.values())]
  return faults.size < count || texts.includes(null) ? null : texts.join(', ').slice(0, 400)
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
}

function unreadable(tls: Tls, [, code = '', path = '']: RegExpExecArray): string | null {
  const key = path === tls?.ca ? 'cacert' : path === tls?.cert ? 'cert' : path === tls?.key ? 'key' : null
  return key === null ? null : `etcd3.${key} (${path}) cannot be read: ${REASONS[code] ?? code}`
}

function unverified(endpoint: string, tls: Tls): string {
  if (tls === null || tls.ca === null)
    return `the certificate of ${endpoint} is signed by nobody that this machine trusts, and etcd3.cacert is not set`
  return `the certificate of ${endpoint} is not signed by etcd3.cacert (${tls.ca})`
}

function clientCertificate(endpoint: string, tls: Tls): string {
  return tls === null || tls.cert === null
    ? `${endpoint} wants a client certificate, and etcd3.cert is not set`
    : `${endpoint} does not accept the client certificate etcd3.cert (${tls.cert})`
}
