// `hactl agent --generate-config`: the configuration with which an agent takes over a PostgreSQL that runs, as it is.
// Its parameters go to the dynamic configuration, the settings of this machine stay in the file, and no password is
// written that was not given.

import { basename, dirname, join } from 'node:path'
import type { Json, JsonObject } from '../model/cluster/cluster.ts'
import { RECOVERY_NAMES } from '../postgres/settings/recovery-settings.ts'
import { COMMON_NOTES, frame, type Note, withVariables } from './draft.ts'
import { type Instance, readInstance } from './instance.ts'
import type { Place } from './own-place.ts'
import { yamlFile } from './yaml-file.ts'

type Generated = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string }

const HEAD = `Written by hactl agent --generate-config from the PostgreSQL that runs here. Look at each FIXME, then ask
hactl agent --validate-config --ignore-listen-port. All keys: docs/configuration.md, man 5 hactl.yml.`

/** They name files and directories of this machine, or commands. */
const OF_THIS_NODE =
  /^(archive_command|archive_library|ssl_passphrase_command|external_pid_file|unix_socket_.*|stats_temp_directory|log_directory|ssl_\w*file|ssl_crl_dir|krb_server_keyfile)$/
/** Of the recovery settings these are an operator's; the others are written by whoever runs the standby. */
const OPERATORS_RECOVERY = [
  'restore_command',
  'archive_cleanup_command',
  'recovery_end_command',
  'recovery_min_apply_delay',
]

export async function generateConfig(
  dsn: string | null,
  place: Place,
  env: NodeJS.ProcessEnv,
): Promise<Generated> {
  const read = await readInstance(dsn, env)
  if (!read.ok) return read
  const { instance } = read
  const draft = await withVariables({ tree: treeOf(instance, place), notes: notesOf(instance) }, env)
  return { ok: true, text: await yamlFile(draft, HEAD) }
}

function treeOf(instance: Instance, place: Place): JsonObject {
  const { shared, own, recovery } = sorted(instance)
  return frame(place, {
    scope: scopeOf(instance),
    dcs: { postgresql: { use_pg_rewind: canRewind(instance), parameters: shared } },
    initdb: null,
    postgresql: {
      ...addresses(instance, place),
      ...directories(instance),
      ...(instance.viaSocket && instance.password === null ? { use_unix_socket: true } : {}),
      authentication: {
        superuser: {
          username: instance.user,
          ...(instance.password === null ? {} : { password: instance.password }),
        },
        replication: { username: instance.replicationRole ?? 'replicator' },
      },
      ...accessLines(instance),
      ...(Object.keys(recovery).length === 0 ? {} : { recovery_conf: recovery }),
      parameters: own,
    },
  })
}

/** Debian's cluster_name is 15/main, and a slash would break the keys in etcd. */
function scopeOf({ places }: Instance): string {
  const name = places.cluster_name.replaceAll('/', '-').trim()
  return name === '' ? 'main' : name
}

function canRewind({ checksums, settings }: Instance): boolean {
  return checksums || settings.wal_log_hints === 'on'
}

function addresses({ places }: Instance, { address }: Place): JsonObject {
  const { listen_addresses: hosts, port } = places
  const host = address.includes(':') ? `[${address}]` : address
  const listened = hosts.replaceAll(' ', '')
  return { listen: `${listened === '' ? host : listened}:${port}`, connect_address: `${host}:${port}` }
}

function directories({ places, binDir }: Instance): JsonObject {
  const { data_directory: dataDir, config_file: file } = places
  const stem = basename(file).replace(/\.conf$/, '')
  return {
    data_dir: dataDir,
    ...(dirname(file) === dataDir ? {} : { config_dir: dirname(file) }),
    ...(stem === 'postgresql' ? {} : { config_base_name: stem }),
    bin_dir: binDir,
  }
}

/** A file in another place than beside postgresql.conf is named, not copied. */
function accessLines(instance: Instance): JsonObject {
  const [hba, ident] = [linesOf(instance.hba), linesOf(instance.ident)]
  return {
    ...(isBeside(instance, 'hba_file', 'pg_hba.conf') && hba.length > 0 ? { pg_hba: hba } : {}),
    ...(isBeside(instance, 'ident_file', 'pg_ident.conf') && ident.length > 0 ? { pg_ident: ident } : {}),
  }
}

function isBeside({ places }: Instance, name: 'hba_file' | 'ident_file', file: string): boolean {
  return places[name] === join(dirname(places.config_file), file)
}

function linesOf(text: string): readonly string[] {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map(line => line.trim().replace(/("[^"]*")|\s+/g, (_, quoted?: string) => quoted ?? ' '))
    .filter(line => line !== '' && !line.startsWith('#'))
}

interface Sorted {
  readonly shared: Readonly<Record<string, Json>>
  readonly own: Readonly<Record<string, Json>>
  readonly recovery: Readonly<Record<string, Json>>
}

function sorted(instance: Instance): Sorted {
  const [shared, own, recovery]: Record<string, Json>[] = [{}, {}, {}]
  for (const [name, value] of Object.entries(instance.settings)) {
    if (['data_directory', 'config_file', 'listen_addresses', 'port', 'cluster_name'].includes(name)) continue
    if (name === 'hba_file' || name === 'ident_file') {
      const file = name === 'hba_file' ? 'pg_hba.conf' : 'pg_ident.conf'
      if (own !== undefined && !isBeside(instance, name, file)) own[name] = value
    } else if (RECOVERY_NAMES.has(name)) {
      if (recovery !== undefined && OPERATORS_RECOVERY.includes(name) && value !== '') recovery[name] = value
    } else {
      const section = OF_THIS_NODE.test(name) ? own : shared
      if (section !== undefined) section[name] = value
    }
  }
  return { shared: shared ?? {}, own: own ?? {}, recovery: recovery ?? {} }
}

function notesOf(instance: Instance): readonly Note[] {
  const { places, replicationRole, password, viaSocket, inRecovery } = instance
  const scope = places.cluster_name === '' ? 'FIXME: the name of the cluster, the same on every node' : null
  const named = 'The name of the cluster, from cluster_name; the same on every node.'
  const loopback = ['localhost', '127.0.0.1', '::1', ''].includes(places.listen_addresses.trim())
  const role =
    replicationRole === null
      ? 'FIXME: the role does not exist; CREATE ROLE replicator LOGIN REPLICATION PASSWORD …, and add a line password:'
      : 'FIXME: add a line password:, or set the variable PATRONI_REPLICATION_PASSWORD'
  return [
    ['scope', scope ?? named],
    ['name', 'The name of this node, unique in the cluster.'],
    ...COMMON_NOTES,
    ...(loopback ? [['postgresql.listen', 'FIXME: other members reach no loopback'] as const] : []),
    ...(inRecovery
      ? [['postgresql.data_dir', 'This is a standby: start the agent of its primary first.'] as const]
      : []),
    ...(password === null && !viaSocket
      ? [
          [
            'postgresql.authentication.superuser.username',
            'FIXME: add a line password:, or set the variable PATRONI_SUPERUSER_PASSWORD',
          ] as const,
        ]
      : []),
    ['postgresql.authentication.replication.username', role],
  ]
}
