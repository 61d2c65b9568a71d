// `hactl agent --generate-sample-config`: a complete configuration of a new cluster, to be checked by its reader. It
// contains no password that nobody gave.

import { COMMON_NOTES, type Draft, frame, type Note, withVariables } from './draft.ts'
import type { Place } from './own-place.ts'
import { yamlFile } from './yaml-file.ts'

const HEAD = `Written by hactl agent --generate-sample-config. Look at each FIXME, then ask
hactl agent --validate-config. All keys: docs/configuration.md, man 5 hactl.yml.`

const PASSWORD = 'FIXME: add a line password:, or set the variable'
const NOTES: readonly Note[] = [
  ['scope', 'FIXME: the name of the cluster, the same on every node'],
  ['name', 'The name of this node, unique in the cluster.'],
  ...COMMON_NOTES,
  ['postgresql.data_dir', 'FIXME: the data directory; it need not exist yet'],
  ['postgresql.authentication.superuser.username', `${PASSWORD} PATRONI_SUPERUSER_PASSWORD`],
  ['postgresql.authentication.replication.username', `${PASSWORD} PATRONI_REPLICATION_PASSWORD`],
  ['postgresql.authentication.rewind.username', `${PASSWORD} PATRONI_REWIND_PASSWORD`],
  ['postgresql.pg_hba', 'FIXME: the whole of pg_hba.conf; samenet is the network that this machine is in'],
]
const NO_PROGRAMS: Note = ['postgresql.bin_dir', 'FIXME: the directory of the programs of PostgreSQL']

export async function sampleConfig(place: Place, env: NodeJS.ProcessEnv): Promise<string> {
  const notes = place.binDir === null ? [...NOTES, NO_PROGRAMS] : NOTES
  return yamlFile(await withVariables({ tree: sampleTree(place), notes }, env), HEAD)
}

function sampleTree(place: Place): Draft['tree'] {
  const { address, binDir } = place
  const listen = `${address.includes(':') ? `[${address}]` : address}:5432`
  return frame(place, {
    scope: 'main',
    dcs: {
      postgresql: {
        use_pg_rewind: true,
        parameters: {
          wal_level: 'replica',
          wal_log_hints: 'on',
          wal_keep_size: '128MB',
          max_connections: 100,
        },
      },
    },
    initdb: [{ encoding: 'UTF8' }, 'data-checksums'],
    postgresql: {
      listen,
      connect_address: listen,
      data_dir: '/var/lib/postgresql/data',
      bin_dir: binDir ?? '/usr/lib/postgresql/bin',
      authentication: {
        superuser: { username: 'postgres' },
        replication: { username: 'replicator' },
        rewind: { username: 'rewinder' },
      },
      pg_hba: [
        'local all all scram-sha-256',
        'host all all 127.0.0.1/32 scram-sha-256',
        'host all all samenet scram-sha-256',
        'host replication replicator 127.0.0.1/32 scram-sha-256',
        'host replication replicator samenet scram-sha-256',
      ],
      parameters: { password_encryption: 'scram-sha-256' },
    },
  })
}
