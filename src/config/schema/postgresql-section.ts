// The `postgresql` section. NODE_POSTGRESQL belongs to one node and is read from the local file only;
// SHARED_POSTGRESQL may also stand in the dynamic configuration, and then a local key wins as a whole.

import { boolean, integer, lines, list, nonEmptyText, path, scalars, text, texts } from './leaf.ts'
import { hostPort, listenAddress } from './leaf-address.ts'
import { options } from './leaf-options.ts'
import { later, optional, required, type Setting, setting } from './setting.ts'

export const PROGRAMS = [
  'pg_ctl',
  'initdb',
  'pg_controldata',
  'pg_basebackup',
  'postgres',
  'pg_isready',
  'pg_rewind',
] as const
export type Program = (typeof PROGRAMS)[number]

export const ACCOUNTS = ['superuser', 'replication', 'rewind'] as const
export type Account = (typeof ACCOUNTS)[number]

/** The connection settings of an account; the first two are its name and password. */
export const ACCOUNT_KEYS = [
  'username',
  'password',
  'sslmode',
  'sslcert',
  'sslkey',
  'sslpassword',
  'sslrootcert',
  'sslcrl',
  'sslcrldir',
  'gssencmode',
  'channel_binding',
  'sslnegotiation',
  'require_auth',
] as const
type AccountKey = (typeof ACCOUNT_KEYS)[number]
type AccountPath = `postgresql.authentication.${Account}.${AccountKey}`

const CALLBACKS = later('postgresql.callbacks', 'the commands are not run')
const METHODS = later('postgresql.create_replica_methods', 'replicas are made with pg_basebackup')
const HOOKS = (key: string) => later(`postgresql.${key}`, 'the command is not run')

export const NODE_POSTGRESQL = {
  'postgresql.listen': required(listenAddress(5432), {
    env: 'PATRONI_POSTGRESQL_LISTEN',
    reloadable: false,
    about: 'Addresses and port of PostgreSQL; * alone means all.',
  }),
  'postgresql.connect_address': optional(hostPort(5432), {
    env: 'PATRONI_POSTGRESQL_CONNECT_ADDRESS',
    shown: 'first address of listen; localhost when that is * or a loopback',
    about: 'How other members and clients reach PostgreSQL; published in the member key as conn_url.',
  }),
  'postgresql.proxy_address': optional(hostPort(5432), {
    env: 'PATRONI_POSTGRESQL_PROXY_ADDRESS',
    about: 'Address of a connection pool in front of this PostgreSQL; published as proxy_url.',
  }),
  'postgresql.data_dir': required(path(), {
    env: 'PATRONI_POSTGRESQL_DATA_DIR',
    reloadable: false,
    about: 'Data directory. Need not exist yet.',
  }),
  'postgresql.config_dir': optional(path(), {
    env: 'PATRONI_POSTGRESQL_CONFIG_DIR',
    reloadable: false,
    shown: 'data_dir',
    about:
      'Where postgresql.conf, pg_hba.conf and pg_ident.conf are; on Debian /etc/postgresql/<version>/<cluster>.',
  }),
  'postgresql.config_base_name': setting(nonEmptyText(), 'postgresql', {
    reloadable: false,
    about: 'Stem of the name of postgresql.conf and postgresql.base.conf.',
  }),
  'postgresql.bin_dir': setting(text(), '', {
    env: 'PATRONI_POSTGRESQL_BIN_DIR',
    reloadable: false,
    shown: 'none: PATH is searched',
    about: 'Directory of the programs of PostgreSQL.',
  }),
  'postgresql.database': setting(nonEmptyText(), 'postgres', {
    reloadable: false,
    about: 'Database that hactl connects to.',
  }),
  'postgresql.pgpass': optional(path(), {
    env: 'PATRONI_POSTGRESQL_PGPASS',
    reloadable: false,
    shown: '~/pgpass',
    about: 'Password file that hactl writes for pg_basebackup, pg_rewind and the WAL receiver.',
  }),
  'postgresql.use_unix_socket': setting(boolean(), false, {
    reloadable: false,
    about: 'Connect to the local PostgreSQL through its socket.',
  }),
  'postgresql.use_unix_socket_repl': setting(boolean(), false, {
    reloadable: false,
    about: 'The same for replication connections.',
  }),
  'postgresql.custom_conf': optional(nonEmptyText(), {
    reloadable: false,
    about: 'File included in place of postgresql.base.conf.',
  }),
  'postgresql.callbacks': setting(
    texts(),
    {},
    {
      support: CALLBACKS,
      about: 'Commands for on_start, on_stop, on_restart, on_reload, on_role_change.',
    },
  ),
  'postgresql.create_replica_methods': setting(list(), ['basebackup'], {
    support: METHODS,
    about: 'How a replica is made, in order.',
  }),
  'postgresql.create_replica_method': setting(list(), ['basebackup'], {
    support: METHODS,
    about: 'Old name of create_replica_methods.',
  }),
  'postgresql.pre_promote': optional(nonEmptyText(), {
    support: HOOKS('pre_promote'),
    about: 'Command that must succeed before a promotion.',
  }),
  'postgresql.before_stop': optional(nonEmptyText(), {
    support: HOOKS('before_stop'),
    about: 'Command run before PostgreSQL is stopped.',
  }),
  'postgresql.krbsrvname': optional(nonEmptyText(), {
    support: later('postgresql.krbsrvname', 'Kerberos service names are left to the environment'),
    about: 'Kerberos service name (PGKRBSRVNAME).',
  }),
} as const

const ROLES = ['primary', 'replica', 'standby_leader'] as const
type RoleSuffix = '' | `_${(typeof ROLES)[number]}`
type ParametersPath = `postgresql.parameters${RoleSuffix}`
type RulesPath = `postgresql.${'pg_hba' | 'pg_ident'}${RoleSuffix}`

const REWIND_RESERVED =
  `target-pgdata source-pgdata source-server write-recovery-conf dry-run restore-target-wal
  config-file no-ensure-shutdown version help`.split(/\s+/)
const BASEBACKUP_RESERVED = `pgdata format wal-method xlog-method gzip version dbname host port username
  password`.split(/\s+/)

export const SHARED_POSTGRESQL = {
  ...parameterSettings(),
  ...rulesSettings(),
  'postgresql.recovery_conf': setting(
    scalars(),
    {},
    {
      where: 'both',
      about: 'Recovery parameters of a standby, e.g. restore_command.',
    },
  ),
  'postgresql.use_pg_rewind': setting(boolean(), false, {
    where: 'both',
    about: 'Bring a diverged former primary back with pg_rewind.',
  }),
  'postgresql.remove_data_directory_on_rewind_failure': setting(boolean(), false, {
    where: 'both',
    about:
      'When pg_rewind was broken off half way, or failed three times in a way that does not pass, remove ' +
      'the data directory and clone again.',
  }),
  'postgresql.remove_data_directory_on_diverged_timelines': setting(boolean(), false, {
    where: 'both',
    about:
      'When timelines have diverged and pg_rewind cannot help, or failed as above, remove the data ' +
      'directory and clone again.',
  }),
  'postgresql.pg_ctl_timeout': setting(integer({ min: 0, max: 2_147_483 }), 60, {
    where: 'both',
    about: 'Seconds that starting, stopping and restarting PostgreSQL may take.',
  }),
  'postgresql.basebackup': setting(options(BASEBACKUP_RESERVED, 'leave out'), [], {
    where: 'both',
    about: 'Options of pg_basebackup.',
  }),
  'postgresql.rewind': setting(options(REWIND_RESERVED, 'leave out'), [], {
    where: 'both',
    about: 'Options of pg_rewind.',
  }),
} as const

function parameterSettings(): Readonly<Record<ParametersPath, Setting<ReturnType<typeof emptyScalars>>>> {
  const about =
    'Parameters of PostgreSQL. Those of "Parameters that only the dynamic configuration decides" are ' +
    'ignored in the local file.'
  return {
    'postgresql.parameters': setting(scalars(), {}, { where: 'both', about }),
    'postgresql.parameters_primary': setting(
      scalars(),
      {},
      { where: 'both', about: 'Merged over parameters while primary.' },
    ),
    'postgresql.parameters_replica': setting(
      scalars(),
      {},
      { where: 'both', about: 'Merged over parameters while replica.' },
    ),
    'postgresql.parameters_standby_leader': setting(
      scalars(),
      {},
      {
        where: 'both',
        support: later('postgresql.parameters_standby_leader', 'there are no standby clusters'),
        about: 'Merged over parameters while standby leader.',
      },
    ),
  }
}

function emptyScalars() {
  return setting(scalars(), {}, { about: '' }).fallback
}

function rulesSettings(): Readonly<Record<RulesPath, Setting<readonly string[] | null>>> {
  const rules = (about: string) => optional(lines(), { where: 'both', about })
  const standby = (key: string) =>
    optional(lines(), {
      where: 'both',
      support: later(key, 'there are no standby clusters'),
      about: 'The same while standby leader.',
    })
  return {
    'postgresql.pg_hba': rules('Lines of pg_hba.conf. A local list replaces the dynamic one.'),
    'postgresql.pg_hba_primary': rules('In place of pg_hba while primary.'),
    'postgresql.pg_hba_replica': rules('In place of pg_hba while replica.'),
    'postgresql.pg_hba_standby_leader': standby('postgresql.pg_hba_standby_leader'),
    'postgresql.pg_ident': rules('Lines of pg_ident.conf. A local list replaces the dynamic one.'),
    'postgresql.pg_ident_primary': rules('In place of pg_ident while primary.'),
    'postgresql.pg_ident_replica': rules('In place of pg_ident while replica.'),
    'postgresql.pg_ident_standby_leader': standby('postgresql.pg_ident_standby_leader'),
  }
}

export const BIN_NAMES = Object.fromEntries(
  PROGRAMS.map(program => [
    `postgresql.bin_name.${program}`,
    optional(nonEmptyText(), {
      env: `PATRONI_POSTGRESQL_BIN_${program.toUpperCase()}`,
      reloadable: false,
      shown: program,
      about: `Name of ${program}, when it has another one.`,
    }),
  ]),
) as Readonly<Record<`postgresql.bin_name.${Program}`, Setting<string | null>>>

const ABOUT_ACCOUNT: Readonly<Record<Account, string>> = {
  superuser: 'Superuser that hactl connects as. Without it: libpq defaults.',
  replication: 'Account of the standbys; its username is required.',
  rewind: 'Account of pg_rewind; by default the superuser.',
}

function aboutAccount(account: Account, key: AccountKey): string {
  if (key === 'username') return ABOUT_ACCOUNT[account]
  if (key !== 'require_auth') return `${key} of the ${account} account.`
  return (
    'How the server may ask for the password: a list of password, md5, scram-sha-256, none, …, or with an ! before ' +
    'each how it may not. Without it everything but clear text (password) to a server that is not verified. ' +
    'PostgreSQL 16 and its programs follow it too.'
  )
}

export const AUTHENTICATION = Object.fromEntries(
  ACCOUNTS.flatMap(account =>
    ACCOUNT_KEYS.map(key => [
      `postgresql.authentication.${account}.${key}`,
      optional(text(), {
        env: `${key === 'require_auth' ? 'HACTL' : 'PATRONI'}_${account.toUpperCase()}_${key.toUpperCase()}`,
        shown: account === 'replication' && key === 'username' ? 'required' : 'none',
        secret: key === 'password' || key === 'sslpassword',
        about: aboutAccount(account, key),
      }),
    ]),
  ),
) as Readonly<Record<AccountPath, Setting<string | null>>>
