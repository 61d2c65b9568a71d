// All settings together: LOCAL is the file of a node, DYNAMIC the document in etcd. Their order is that of the
// reference.

import { BOOTSTRAP, CITUS } from './bootstrap-section.ts'
import { CTL, ETCD, GENERAL, NODE, RESTAPI } from './general-sections.ts'
import { LOG } from './log-section.ts'
import { AUTHENTICATION, BIN_NAMES, NODE_POSTGRESQL, SHARED_POSTGRESQL } from './postgresql-section.ts'
import type { Schema } from './setting.ts'

export { DYNAMIC } from './dynamic-section.ts'

export const LOCAL = {
  ...GENERAL,
  ...LOG,
  ...RESTAPI,
  ...CTL,
  ...ETCD,
  ...BOOTSTRAP,
  ...NODE_POSTGRESQL,
  ...SHARED_POSTGRESQL,
  ...BIN_NAMES,
  ...AUTHENTICATION,
  ...NODE,
  ...CITUS,
} as const

/** The settings of the same file that an operator's command needs. */
export const OPERATOR = {
  scope: GENERAL.scope,
  namespace: GENERAL.namespace,
  name: GENERAL.name,
  'hactl.state_directory': GENERAL['hactl.state_directory'],
  ...CTL,
  ...ETCD,
  'restapi.authentication.username': RESTAPI['restapi.authentication.username'],
  'restapi.authentication.password': RESTAPI['restapi.authentication.password'],
  'restapi.cafile': RESTAPI['restapi.cafile'],
  'restapi.certfile': RESTAPI['restapi.certfile'],
  'hactl.verify_member_names': GENERAL['hactl.verify_member_names'],
  'postgresql.data_dir': NODE_POSTGRESQL['postgresql.data_dir'],
} as const

/** Every path that is a section of the schema, e.g. `postgresql.authentication`. */
export function sectionsOf(schema: Schema): ReadonlySet<string> {
  const sections = new Set<string>()
  for (const key of Object.keys(schema)) {
    const parts = key.split('.')
    for (let count = 1; count < parts.length; count += 1) sections.add(parts.slice(0, count).join('.'))
  }
  return sections
}
