// From checked values to the typed AgentConfig: defaults that depend on other keys are decided here.

import { homedir } from 'node:os'
import { join } from 'node:path'
import type { JsonObject } from '../model/cluster/cluster.ts'
import type {
  AgentConfig,
  BootstrapConfig,
  Credentials,
  CtlConfig,
  EtcdConfig,
  HostPort,
  LogConfig,
  PostgresqlConfig,
  RestApiConfig,
  Tags,
} from '../model/settings/config.ts'
import { isJsonObject, own } from '../model/settings/patch.ts'
import { at, type Values } from './checks/check-document.ts'
import type { LocalValues } from './checks/contradictions.ts'
import { isControlled } from './checks/parameter-rules.ts'
import { ACCOUNT_KEYS, type Account, PROGRAMS, SHARED_POSTGRESQL } from './schema/postgresql-section.ts'
import type { OPERATOR } from './schema/schema.ts'

interface Parts {
  readonly values: LocalValues
  readonly tree: JsonObject
  readonly etcd: EtcdConfig
  readonly tags: Tags
  readonly env: NodeJS.ProcessEnv
}

/** Only called when nothing is missing or contradictory. */
export function buildAgentConfig({ values, tree, etcd, tags, env }: Parts): AgentConfig {
  const { read } = values
  return {
    scope: read('scope'),
    namespace: trimSlashes(read('namespace')),
    name: read('name'),
    restapi: buildRestApi(values),
    ctl: buildCtl(values),
    etcd,
    bootstrap: buildBootstrap(values, tree),
    postgresql: buildPostgresql(values, tree, env),
    tags,
    log: buildLog(values),
    watchdog: {
      mode: read('watchdog.mode'),
      device: read('watchdog.device'),
      driver: read('watchdog.driver'),
      safetyMarginMs: read('watchdog.safety_margin') * 1000,
    },
    stateDirectory: read('hactl.state_directory') ?? `${read('postgresql.data_dir')}.hactl`,
  }
}

export function trimSlashes(namespace: string): string {
  return namespace.replace(/^\/+|\/+$/g, '')
}

function buildRestApi({ read }: LocalValues): RestApiConfig {
  const certfile = read('restapi.certfile')
  const tls = {
    keyfile: read('restapi.keyfile'),
    keyfilePassword: read('restapi.keyfile_password'),
    cafile: read('restapi.cafile'),
    ciphers: read('restapi.ciphers'),
  }
  return {
    listen: read('restapi.listen'),
    connectAddress: read('restapi.connect_address') ?? read('restapi.listen'),
    credentials: pair(read('restapi.authentication.username'), read('restapi.authentication.password')),
    tls: certfile === null ? null : { certfile, ...tls },
    verifyClient: read('restapi.verify_client'),
    allowlist: read('restapi.allowlist'),
    allowlistIncludeMembers: read('restapi.allowlist_include_members'),
    httpExtraHeaders: read('restapi.http_extra_headers'),
    httpsExtraHeaders: read('restapi.https_extra_headers'),
    serverTokens: read('restapi.server_tokens'),
  }
}

export function buildCtl({ read }: Values<typeof OPERATOR>): CtlConfig {
  const own = pair(read('ctl.authentication.username'), read('ctl.authentication.password'))
  return {
    credentials:
      own ?? pair(read('restapi.authentication.username'), read('restapi.authentication.password')),
    insecure: read('ctl.insecure'),
    cacert: read('ctl.cacert') ?? read('restapi.cafile'),
    certfile: read('ctl.certfile'),
    keyfile: read('ctl.keyfile'),
    keyfilePassword: read('ctl.keyfile_password'),
    expectsTls: read('restapi.certfile') !== null || read('ctl.cacert') !== null,
    verifyNames: read('hactl.verify_member_names'),
  }
}

function pair(username: string | null, password: string | null) {
  return username === null || password === null ? null : { username, password }
}

/**
 * Null means that this node never creates a cluster: the section is missing, or it asks for a kind of cluster that
 * this version cannot create. An ordinary empty cluster in place of a restored one would be the worst of answers.
 */
function buildBootstrap({ read }: LocalValues, tree: JsonObject): BootstrapConfig | null {
  if (!isJsonObject(at(tree, 'bootstrap')) || read('bootstrap.method') !== 'initdb') return null
  const dcs = read('bootstrap.dcs')
  const standby = own(dcs, 'standby_cluster') ?? null
  if (standby !== null && Object.keys(standby).length > 0) return null
  return {
    dcs,
    initdb: read('bootstrap.initdb'),
    pgHba: read('bootstrap.pg_hba'),
    postBootstrap: read('bootstrap.post_bootstrap') ?? read('bootstrap.post_init'),
  }
}

function buildPostgresql(values: LocalValues, tree: JsonObject, env: NodeJS.ProcessEnv): PostgresqlConfig {
  const { read } = values
  const listen = read('postgresql.listen')
  const parameters = Object.entries(read('postgresql.parameters')).filter(([name]) => !isControlled(name))
  const replication = buildAccount(values, 'replication')
  if (replication === null) throw new Error('bug: postgresql.authentication.replication was not checked')
  const authentication = {
    superuser: buildAccount(values, 'superuser'),
    replication,
    rewind: buildAccount(values, 'rewind'),
  }
  return {
    listenAddresses: listen.hosts,
    port: listen.port,
    connectAddress: read('postgresql.connect_address') ?? localAddress(listen.hosts, listen.port),
    proxyAddress: read('postgresql.proxy_address'),
    dataDir: read('postgresql.data_dir'),
    configDir: read('postgresql.config_dir') ?? read('postgresql.data_dir'),
    configBaseName: read('postgresql.config_base_name'),
    binDir: read('postgresql.bin_dir'),
    binNames: Object.fromEntries(
      PROGRAMS.flatMap(program => {
        const name = read(`postgresql.bin_name.${program}`)
        return name === null ? [] : [[program, name]]
      }),
    ),
    database: read('postgresql.database'),
    pgpass: read('postgresql.pgpass') ?? join(env.HOME ?? homedir(), 'pgpass'),
    authentication,
    parameters: Object.fromEntries(parameters),
    pgHba: read('postgresql.pg_hba'),
    pgIdent: read('postgresql.pg_ident'),
    recoveryConf: read('postgresql.recovery_conf'),
    customConf: read('postgresql.custom_conf'),
    useUnixSocket: read('postgresql.use_unix_socket'),
    useUnixSocketRepl: read('postgresql.use_unix_socket_repl'),
    useRewind: read('postgresql.use_pg_rewind'),
    removeDataDirectoryOnRewindFailure: read('postgresql.remove_data_directory_on_rewind_failure'),
    removeDataDirectoryOnDivergedTimelines: read('postgresql.remove_data_directory_on_diverged_timelines'),
    pgCtlTimeoutMs: read('postgresql.pg_ctl_timeout') * 1000,
    basebackup: read('postgresql.basebackup'),
    rewindOptions: read('postgresql.rewind'),
    callbacks: read('postgresql.callbacks'),
    shared: sharedSection(tree),
  }
}

/** The first address through which this machine reaches its own PostgreSQL (spec/postgres.md 2.13). */
function localAddress(hosts: string, port: number): HostPort {
  const list = hosts.split(',')
  const loopback = list.some(host => ['*', 'localhost', '0.0.0.0', '127.0.0.1'].includes(host))
  return { host: loopback ? 'localhost' : (list[0] ?? 'localhost'), port }
}

function buildAccount({ read }: LocalValues, account: Account): Credentials | null {
  const username = read(`postgresql.authentication.${account}.username`)
  if (username === null || username === '') return null
  const options = ACCOUNT_KEYS.flatMap(key => {
    const value =
      key === 'username' || key === 'password' ? null : read(`postgresql.authentication.${account}.${key}`)
    return value === null ? [] : [[key, value] as const]
  })
  return {
    username,
    password: read(`postgresql.authentication.${account}.password`),
    options: Object.fromEntries(options),
  }
}

function sharedSection(tree: JsonObject): JsonObject {
  const section = at(tree, 'postgresql')
  if (!isJsonObject(section)) return {}
  const kept = Object.entries(section).filter(
    ([key, value]) => value !== null && Object.hasOwn(SHARED_POSTGRESQL, `postgresql.${key}`),
  )
  return Object.fromEntries(kept)
}

function buildLog({ read }: LocalValues): LogConfig {
  const { text, fields } = read('log.format')
  return {
    type: read('log.type'),
    level: read('log.level'),
    format: text,
    ...(fields === null ? {} : { jsonFields: fields }),
    dateformat: read('log.dateformat'),
    staticFields: read('log.static_fields'),
    dir: read('log.dir'),
    fileNum: read('log.file_num'),
    fileSize: read('log.file_size'),
    mode: read('log.mode'),
    deduplicateHeartbeatLogs: read('log.deduplicate_heartbeat_logs'),
  }
}
