// The `bootstrap` section, used once when a cluster is created, and `citus`, which this version refuses.

import { integer, lines, mapping, nonEmptyText } from './leaf.ts'
import { options } from './leaf-options.ts'
import { later, never, optional, setting } from './setting.ts'

const INITDB_RESERVED = ['pgdata', 'nosync', 'pwfile', 'sync-only', 'version']

export const BOOTSTRAP = {
  'bootstrap.dcs': setting(
    mapping('mapping; see "Dynamic configuration"'),
    {},
    {
      reloadable: false,
      about: 'First dynamic configuration, written to etcd when the cluster is created and never read again.',
    },
  ),
  'bootstrap.method': setting(nonEmptyText(), 'initdb', {
    reloadable: false,
    support: later('bootstrap.method', 'this node will not create a cluster'),
    about: 'How the first data directory is made.',
  }),
  'bootstrap.initdb': setting(options(INITDB_RESERVED, 'refuse'), [], {
    reloadable: false,
    about: "Options of initdb. The locale, unless named here, is that of the agent's environment.",
  }),
  'bootstrap.pg_hba': setting(lines(), [], {
    reloadable: false,
    about: 'Lines appended to pg_hba.conf after initdb, when postgresql.pg_hba is not set.',
  }),
  'bootstrap.users': setting(
    mapping('mapping: name → {password, options}'),
    {},
    {
      reloadable: false,
      support: never(
        'bootstrap.users',
        'as in Patroni 4 no roles are made from it; use bootstrap.post_bootstrap',
      ),
      about: 'Roles of a new cluster, until Patroni 3.',
    },
  ),
  'bootstrap.post_bootstrap': optional(nonEmptyText(), {
    reloadable: false,
    about: 'Command run once in a new cluster, with the connection string as its last argument.',
  }),
  'bootstrap.post_init': optional(nonEmptyText(), {
    reloadable: false,
    about: 'Other name of post_bootstrap.',
  }),
} as const

export const CITUS = {
  'citus.group': optional(integer({ min: 0 }), {
    env: 'PATRONI_CITUS_GROUP',
    reloadable: false,
    about: 'Refused in this version.',
  }),
  'citus.database': optional(nonEmptyText(), {
    env: 'PATRONI_CITUS_DATABASE',
    reloadable: false,
    about: 'Refused in this version.',
  }),
} as const
