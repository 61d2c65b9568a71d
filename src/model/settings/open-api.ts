// Whether whoever reaches the REST API may change the cluster. A node says so in its member key: whoever may read that could find
// it out by asking the node.

import { isLoopback } from '../address.ts'
import type { RestApiConfig } from './config.ts'

export const OPEN_API = {
  /** In the member key. */
  id: 'open-api',
  text: 'lets whoever reaches the REST API change the cluster, and what commands PostgreSQL runs',
  hint: 'Set restapi.authentication, allowlist, allowlist_include_members or verify_client.',
} as const

/** An `allowlist` of all networks counts as the word of an operator who wants it so. */
export function isOpenApi({
  listen,
  credentials,
  allowlist,
  allowlistIncludeMembers,
  tls,
  verifyClient,
}: RestApiConfig): boolean {
  const isRestricted = credentials !== null || allowlist.length > 0 || allowlistIncludeMembers
  const wantsCertificate = tls !== null && verifyClient !== 'none'
  return !isLoopback(listen.host) && !isRestricted && !wantsCertificate
}
