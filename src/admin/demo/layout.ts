// The layout of one demo: a throw-away directory, free ports on loopback, and the configuration files, which are the
// same kind of YAML as on a real node.

import { createServer } from 'node:net'
import { join } from 'node:path'

export interface DemoNode {
  readonly name: string
  readonly directory: string
  readonly config: string
  readonly restPort: number
  readonly postgresPort: number
}

export interface Layout {
  readonly directory: string
  readonly etcdPort: number
  readonly etcdPeerPort: number
  readonly proxyPort: number
  readonly nodes: readonly DemoNode[]
}

export const DEMO_SCOPE = 'demo'
export const DEMO_PASSWORD = 'demo-password'
const NAMES = ['pg1', 'pg2', 'pg3']

export async function planLayout(directory: string): Promise<Layout> {
  const ports = await freePorts(3 + 2 * NAMES.length)
  const port = (): number => ports.pop() ?? 0
  return {
    directory,
    etcdPort: port(),
    etcdPeerPort: port(),
    proxyPort: port(),
    nodes: NAMES.map(name => ({
      name,
      directory: join(directory, name),
      config: join(directory, `${name}.yml`),
      restPort: port(),
      postgresPort: port(),
    })),
  }
}

/** Ports that were free a moment ago: all held open together, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(0, '127.0.0.1', resolve)
      })
      return server
    }),
  )
  const ports = servers.map(server => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  })
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}

/**
 * A short lease, so that the loss of a node heals within seconds. PostgreSQL itself waits for one standby with each
 * commit, so that no acknowledged row depends on one node: the node with the most WAL wins the election.
 */
export function nodeYaml(layout: Layout, node: DemoNode): string {
  return `scope: ${DEMO_SCOPE}
name: ${node.name}
restapi:
  listen: 127.0.0.1:${node.restPort}
  connect_address: 127.0.0.1:${node.restPort}
etcd3:
  hosts: 127.0.0.1:${layout.etcdPort}
bootstrap:
  dcs:
    ttl: 8
    loop_wait: 2
    retry_timeout: 3
    postgresql:
      use_pg_rewind: true
      parameters:
        max_connections: 50
        wal_retrieve_retry_interval: 200ms
        synchronous_standby_names: 'ANY 1 (${NAMES.join(', ')})'
  initdb:
  - encoding: UTF8
  - data-checksums
  pg_hba:
  - host replication replicator 127.0.0.1/32 scram-sha-256
  - host all all 127.0.0.1/32 scram-sha-256
postgresql:
  listen: 127.0.0.1:${node.postgresPort}
  connect_address: 127.0.0.1:${node.postgresPort}
  data_dir: ${node.directory}/data
  bin_dir: /usr/lib/postgresql/15/bin
  pgpass: ${node.directory}/pgpass
  authentication:
    superuser: {username: postgres, password: ${DEMO_PASSWORD}}
    replication: {username: replicator, password: ${DEMO_PASSWORD}}
    rewind: {username: rewinder, password: ${DEMO_PASSWORD}}
  parameters:
    unix_socket_directories: ${node.directory}
    shared_buffers: 16MB
`
}

/** Writes go to the member that says it is primary; sessions on any other member are cut at once. */
export function haproxyConfig(layout: Layout): string {
  const servers = layout.nodes
    .map(node => `    server ${node.name} 127.0.0.1:${node.postgresPort} check port ${node.restPort}`)
    .join('\n')
  return `global
    maxconn 100
defaults
    mode tcp
    timeout connect 1s
    timeout client 1m
    timeout server 1m
    timeout check 2s
listen primary
    bind 127.0.0.1:${layout.proxyPort}
    option httpchk OPTIONS /primary
    http-check expect status 200
    default-server inter 300ms fastinter 100ms downinter 200ms fall 2 rise 1 on-marked-down shutdown-sessions
${servers}
`
}
