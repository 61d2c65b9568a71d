// How operator commands call a member's REST API. It is light to import, so a command that calls nobody pays nothing.

import type { CtlConfig } from '../model/settings/config.ts'
import type { Millis } from '../model/units.ts'
import { type Call, callOnce } from '../system/http-call.ts'
import { credentialsFor, explained } from './password-rules.ts'
import { readTlsRules } from './tls-rules.ts'

export interface MemberCall {
  readonly method: Call['method']
  /**
   * Endpoint and query, such as `/switchover` or `/config?force=true`: put after scheme and host of the member's
   * api_url.
   */
  readonly path: string
  /** Sent as JSON; left out: no body. */
  readonly body?: unknown
  /** Over everything, names and handshake included. */
  readonly timeoutMs: Millis
  /** `ctl` of the configuration. */
  readonly ctl: CtlConfig
}

export interface MemberAnswer {
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** Never rejects: a member that cannot be reached, and why, is an answer. */
export async function callMember(
  apiUrl: string,
  call: MemberCall,
): Promise<MemberAnswer | { readonly unreachable: string }> {
  const url = endpointUrl(apiUrl, call.path)
  if (url === null) return { unreachable: `"${apiUrl}" is not an http or https address` }
  const { ctl, method } = call
  const answer = await callOnce({
    url,
    method,
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    credentials: credentialsFor({ method, url }, ctl),
    timeoutMs: call.timeoutMs,
    tls: () => readTlsRules(ctl),
    wantBody: method !== 'HEAD',
  })
  return explained({ method, url }, ctl, answer)
}

/**
 * `path` on the server that `apiUrl` (`…/patroni`) names; null when that is no http or https URL. Only scheme, host and port
 * of it count: whoever writes a member key does not choose what is asked for.
 */
export function endpointUrl(apiUrl: string, path: string): URL | null {
  if (!URL.canParse(apiUrl)) return null
  const base = new URL(apiUrl)
  if ((base.protocol !== 'http:' && base.protocol !== 'https:') || base.hostname === '') return null
  return new URL(path.startsWith('/') ? path : `/${path}`, base.origin)
}
