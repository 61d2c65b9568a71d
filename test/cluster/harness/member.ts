// One node of a test cluster: its YAML file, the same for hactl and Patroni, and `hactl agent` on it.

import { chown, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Host, inside } from './network.ts'
import { type Ran, tryRun } from './run.ts'
import { postgresBin, postgresPort, restPort } from './servers.ts'
import { makeDirectory, postgresUser, type Running, type Stage } from './stage.ts'

export const superuserPassword = 'super-secret'
export const launcher = join(import.meta.dirname, '..', '..', '..', 'bin', 'hactl')

/** A value of YAML or JSON. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value }
export type Section = { readonly [key: string]: Value }

export interface MemberChoice {
  readonly scope?: string
  /** The member's name; the host's when left out. */
  readonly name?: string
  /** Hosts of the etcd members. */
  readonly etcd: readonly Host[]
  /** Overrides of the dynamic configuration at bootstrap, e.g. `{ ttl: 5, loop_wait: 1, retry_timeout: 2 }`. */
  readonly dcs?: Section
  /** Overrides of the section `postgresql`. */
  readonly postgresql?: Section
  readonly tags?: Section
  /** Added to the section `restapi`. */
  readonly restapi?: Section
  /** The section `log`. */
  readonly log?: Section
  /** The section `hactl`. */
  readonly hactl?: Section
  /** PostgreSQL waits for its disk, as users run it. Without it most tests would wait for nothing that they ask about. */
  readonly isDurable?: boolean
}

/** Writes `<host>.yml` (JSON, which is YAML) and gives its path. */
export async function writeMemberFile(stage: Stage, host: Host, choice: MemberChoice): Promise<string> {
  const home = await makeDirectory(stage, host.name)
  const file = join(stage.directory, `${host.name}.yml`)
  await writeFile(file, JSON.stringify(memberConfiguration(home, host, choice), null, 2), { mode: 0o600 })
  const { uid, gid } = await postgresUser()
  await chown(file, uid, gid)
  return file
}

/** Replaces sections of a node's file; the agent takes over what it can on SIGHUP. */
export async function rewriteSections(file: string, sections: Section): Promise<void> {
  const configuration = JSON.parse(await readFile(file, 'utf8')) as Section
  await writeFile(file, JSON.stringify({ ...configuration, ...sections }, null, 2))
}

/** Runs `hactl agent FILE` on the host as postgres; `env` is for it alone, not for the programs that start it. */
export function startAgent(
  stage: Stage,
  host: Host,
  file: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const command = ['env', ...variables, launcher, 'agent', file]
  return stage.start(host, { name: 'agent', asPostgres: true, command })
}

/** Runs another hactl command on a host; for example `hactl(host, file, ['list', '--json'])`. */
export function hactl(host: Host, file: string, args: readonly string[], limitMs = 60_000): Promise<Ran> {
  return tryRun(inside(host, [launcher, '-c', file, ...args]), { limitMs })
}

function memberConfiguration(home: string, host: Host, choice: MemberChoice): Section {
  return {
    scope: choice.scope ?? 'test',
    name: choice.name ?? host.name,
    restapi: {
      listen: `0.0.0.0:${restPort}`,
      connect_address: `${host.address}:${restPort}`,
      ...choice.restapi,
    },
    etcd3: { hosts: choice.etcd.map(({ address }) => `${address}:2379`) },
    bootstrap: {
      dcs: {
        maximum_lag_on_failover: 1048576,
        postgresql: { use_pg_rewind: true, use_slots: true, parameters: { wal_keep_size: '64MB' } },
        ...choice.dcs,
      },
      initdb: [{ encoding: 'UTF8' }, 'data-checksums', 'no-sync'],
    },
    postgresql: {
      listen: `0.0.0.0:${postgresPort}`,
      connect_address: `${host.address}:${postgresPort}`,
      data_dir: join(home, 'data'),
      bin_dir: postgresBin,
      pgpass: join(home, 'pgpass'),
      authentication: {
        superuser: { username: 'postgres', password: superuserPassword },
        replication: { username: 'replicator', password: 'replication-secret' },
        rewind: { username: 'rewinder', password: 'rewind-secret' },
      },
      pg_hba: [
        'local all all trust',
        'local replication all trust',
        'host all all 127.0.0.1/32 scram-sha-256',
        'host replication replicator 127.0.0.1/32 scram-sha-256',
        'host replication replicator 10.77.0.0/24 scram-sha-256',
        'host all all 10.77.0.0/24 scram-sha-256',
      ],
      parameters: {
        unix_socket_directories: home,
        shared_buffers: '16MB',
        fsync: choice.isDurable === true ? 'on' : 'off',
      },
      ...choice.postgresql,
    },
    ...(choice.tags === undefined ? {} : { tags: choice.tags }),
    ...(choice.log === undefined ? {} : { log: choice.log }),
    ...(choice.hactl === undefined ? {} : { hactl: choice.hactl }),
  }
}
