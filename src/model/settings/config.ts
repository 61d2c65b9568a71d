// The local configuration of a node after reading YAML and PATRONI_* variables (spec/interfaces.md 3.7): plain,
// typed, complete with defaults. Secrets live here and nowhere else in the model; a Snapshot never holds one.

import type { Json, JsonObject } from '../cluster/cluster.ts'
import type { MemberName, Millis, Scope } from '../units.ts'
import type { WatchdogSettings } from '../watchdog.ts'

export interface AgentConfig {
  readonly scope: Scope
  /** Normalised without slashes at its ends: `service`. */
  readonly namespace: string
  readonly name: MemberName
  readonly restapi: RestApiConfig
  readonly ctl: CtlConfig
  readonly etcd: EtcdConfig
  /** null: this node may never create a cluster. */
  readonly bootstrap: BootstrapConfig | null
  readonly postgresql: PostgresqlConfig
  readonly tags: Tags
  readonly log: LogConfig
  readonly watchdog: WatchdogSettings
  /** Where fencer records and the journal live; default `<data_dir>.hactl`. */
  readonly stateDirectory: string
}

export interface HostPort {
  readonly host: string
  readonly port: number
}

export interface EtcdConfig {
  /** `host:port` each, without scheme; at least one. */
  readonly endpoints: readonly HostPort[]
  readonly tls: {
    readonly ca: string | null
    readonly cert: string | null
    readonly key: string | null
  } | null
  readonly credentials: { readonly username: string; readonly password: string } | null
}

export interface RestApiConfig {
  readonly listen: HostPort
  readonly connectAddress: HostPort
  readonly credentials: { readonly username: string; readonly password: string } | null
  /** Paths; null means plain HTTP. */
  readonly tls: {
    readonly certfile: string
    readonly keyfile: string | null
    readonly keyfilePassword: string | null
    readonly cafile: string | null
    readonly ciphers: string | null
  } | null
  readonly verifyClient: 'none' | 'optional' | 'required'
  readonly allowlist: readonly string[]
  readonly allowlistIncludeMembers: boolean
  readonly httpExtraHeaders: Readonly<Record<string, string>>
  readonly httpsExtraHeaders: Readonly<Record<string, string>>
  /** The detail in the Server header. */
  readonly serverTokens: 'original' | 'minimal' | 'productonly'
}

/** How this program calls other members' REST API. */
export interface CtlConfig {
  readonly credentials: { readonly username: string; readonly password: string } | null
  /** Certificates are not verified, and the password may go over plain http. */
  readonly insecure: boolean
  /** `ctl.cacert`, else `restapi.cafile`. */
  readonly cacert: string | null
  readonly certfile: string | null
  readonly keyfile: string | null
  readonly keyfilePassword: string | null
  /** `restapi.certfile` or `ctl.cacert` is set: this cluster's REST API is meant to be https. */
  readonly expectsTls: boolean
  /** Agents verify the names in members' certificates too. */
  readonly verifyNames: boolean
}

export interface BootstrapConfig {
  /** `bootstrap.dcs`: the first dynamic configuration. */
  readonly dcs: JsonObject
  readonly initdb: readonly InitdbOption[]
  readonly pgHba: readonly string[]
  /** Command run once with the connection string as its last argument. */
  readonly postBootstrap: string | null
}

/** `--name` or `--name=value`. */
export interface InitdbOption {
  readonly name: string
  readonly value: string | null
}

/** What the local section and the dynamic configuration may both set. */
interface SharedPostgresql {
  readonly parameters: Readonly<Record<string, Json>>
  readonly pgHba: readonly string[] | null
  readonly pgIdent: readonly string[] | null
  readonly recoveryConf: Readonly<Record<string, Json>>
  readonly useRewind: boolean
  readonly removeDataDirectoryOnRewindFailure: boolean
  readonly removeDataDirectoryOnDivergedTimelines: boolean
  readonly pgCtlTimeoutMs: Millis
  readonly basebackup: readonly InitdbOption[]
  readonly rewindOptions: readonly InitdbOption[]
}

/** The local section; of its `parameters` those that only the DCS decides are already removed (with a warning). */
export interface PostgresqlConfig extends SharedPostgresql {
  /** Host list as written, e.g. `127.0.0.1` or `*` or `10.0.0.1,::1`. */
  readonly listenAddresses: string
  readonly port: number
  readonly connectAddress: HostPort
  readonly proxyAddress: HostPort | null
  readonly dataDir: string
  readonly configDir: string
  readonly configBaseName: string
  readonly binDir: string
  readonly binNames: Readonly<Record<string, string>>
  readonly database: string
  readonly pgpass: string
  readonly authentication: {
    readonly superuser: Credentials | null
    readonly replication: Credentials
    /** null: the superuser's. */
    readonly rewind: Credentials | null
  }
  readonly customConf: string | null
  readonly useUnixSocket: boolean
  readonly useUnixSocketRepl: boolean
  readonly callbacks: Readonly<Record<string, string>>
  /**
   * The keys of the local section that the dynamic configuration may also hold, as written. A setting here wins
   * (effectivePostgresql); the typed fields above do not distinguish a default from a setting.
   */
  readonly shared?: JsonObject
}

/** libpq connection settings of one role: username, password, sslmode, sslcert, … (spec/postgres.md 2.14). */
export interface Credentials {
  readonly username: string
  readonly password: string | null
  readonly options: Readonly<Record<string, string>>
}

export interface Tags {
  readonly nofailover: boolean
  /** 0 when nofailover; default 1; higher wins at equal WAL. */
  readonly failoverPriority: number
  readonly clonefrom: boolean
  readonly noloadbalance: boolean
  readonly nosync: boolean
  readonly nostream: boolean
  readonly replicatefrom: MemberName | null
  /** What the member key shows (spec/ha.md 1.4): filtered, original types, custom tags included. */
  readonly published: JsonObject
}

export interface LogConfig {
  readonly type: 'plain' | 'json'
  readonly level: 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'CRITICAL'
  readonly format: string
  /** type json with a list as format: the fields of a line in order, and what they are called there. */
  readonly jsonFields?: readonly { readonly field: string; readonly name: string }[]
  readonly dateformat: string | null
  readonly staticFields: Readonly<Record<string, Json>>
  readonly dir: string | null
  readonly fileNum: number
  readonly fileSize: number
  readonly mode: number | null
  readonly deduplicateHeartbeatLogs: boolean
}

/** PostgreSQL's wanted configuration: local section and dynamic document merged (spec/interfaces.md 3.1). */
export interface EffectivePostgresql extends SharedPostgresql {
  readonly useSlots: boolean
  /**
   * synchronous_standby_names is the rules' to choose: then it is in a file of its own, and not among `parameters`. Absent:
   * no.
   */
  readonly synchronous?: boolean
}
