// To whom the password of the REST API is sent: with requests that change something, which are the only ones that ask for
// it, and not in clear text where TLS is configured.

import type { CtlConfig } from '../model/settings/config.ts'
import type { Call, CallOutcome } from '../system/http-call.ts'

type Credentials = Call['credentials']

const OPEN: readonly Call['method'][] = ['GET', 'HEAD', 'OPTIONS']

/** The answer of a server that wants a password. */
const UNAUTHORIZED = 401

/** null: none, because the request needs none, or because `url` is not the place for it. */
export function credentialsFor({ method, url }: Pick<Call, 'method' | 'url'>, ctl: CtlConfig): Credentials {
  return OPEN.includes(method) || isWithheld(url, ctl) ? null : ctl.credentials
}

/** A member that wants the password that was not sent: the answer says why it was not. */
export function explained(
  { method, url }: Pick<Call, 'method' | 'url'>,
  ctl: CtlConfig,
  answer: CallOutcome,
): CallOutcome {
  const isRefusal = 'status' in answer && answer.status === UNAUTHORIZED
  if (!isRefusal || OPEN.includes(method) || ctl.credentials === null || !isWithheld(url, ctl)) return answer
  return {
    unreachable:
      `it wants a password (HTTP status ${UNAUTHORIZED}), but ${url.origin} is plain http, while https is ` +
      'configured here: the password was not sent (ctl.insecure allows it)',
  }
}

function isWithheld(url: URL, ctl: CtlConfig): boolean {
  return url.protocol === 'http:' && ctl.expectsTls && !ctl.insecure
}
