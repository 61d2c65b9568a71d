// How operator commands call a member's REST API. It is light to import, so a command that calls nobody pays nothing.

import type { CtlConfig } from '../model/settings/config.ts'
import type { Millis } from '../model/units.ts'
import { type Call, callOnce } from '../system/http-call.ts'
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
  /** `ctl` of the configuration; `credentials` null: none are sent. */
  readonly ctl: CtlConfig
  /** `restapi.cafile`, used when `ctl.cacert` is not set. */
  readonly restapiCafile?: string | null
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
  const { ctl } = call
  return callOnce({
    url,
    method: call.method,
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    credentials: ctl.credentials,
    timeoutMs: call.timeoutMs,
    tls: () => readTlsRules({ ctl, restapiCafile: call.restapiCafile ?? null, insecure: ctl.insecure }),
    wantBody: call.method !== 'HEAD',
  })
}

/** `path` on the server that `apiUrl` (`…/patroni`) names; null when that is no http or https URL. */
export function endpointUrl(apiUrl: string, path: string): URL | null {
  const base = apiAddress(apiUrl)
  return base === null ? null : new URL(path.startsWith('/') ? path : `/${path}`, base.origin)
}

/** The URL itself; null when it is no http or https URL. Names and passwords in it are dropped. */
export function apiAddress(apiUrl: string): URL | null {
  if (!URL.canParse(apiUrl)) return null
  const url = new URL(apiUrl)
  if ((url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') return null
  url.username = ''
  url.password = ''
  return url
}
