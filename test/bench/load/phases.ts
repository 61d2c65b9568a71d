// The load set: what is done to the leader's node, phase by phase. A phase may prepare something and undo it afterwards.

import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cluster, Node } from '../../cluster/harness/cluster.ts'
import { rewriteSections, type Section } from '../../cluster/harness/member.ts'
import type { Host } from '../../cluster/harness/network.ts'
import { run, tryRun } from '../../cluster/harness/run.ts'
import { etcdctl, restPort } from '../../cluster/harness/servers.ts'
import { until } from '../../cluster/harness/until.ts'

export interface Scene {
  readonly cluster: Cluster
  readonly attacker: Host
  readonly leader: Node
  readonly seconds: number
}

export interface Phase {
  readonly name: string
  /** For the table. */
  readonly about: string
  /** Kind and number of connections of attack.ts; left out: no connection. */
  readonly attack?: { readonly kind: string; readonly connections: number }
  readonly scheme?: 'https'
  /** How long the phase lasts as a part of the time that was asked for. */
  readonly share: number
  /** What goes on beside the attack; resolves when it is undone. */
  readonly beside?: (scene: Scene) => Promise<{ readonly undo: () => Promise<void> }>
}

const attack = (kind: string, connections: number, about: string, share: number): Phase => ({
  name: `${kind}-${connections}`,
  about,
  attack: { kind, connections },
  share,
})

export const phases: readonly Phase[] = [
  { name: 'idle', about: 'nothing', share: 0.2 },
  attack('pipeline', 100, '100 connections pipeline `GET /metrics` and read nothing', 0.2),
  attack('pipeline', 1000, '1,000 connections do that', 1),
  attack('idle', 4400, '4,400 connect, say nothing, and come back when they are closed', 1),
  attack('slow-headers', 400, '400 send a header line a second', 1),
  attack('metrics', 64, '64 ask for `/metrics` all the time', 0.2),
  attack('cluster', 64, '64 ask for `/cluster` all the time', 0.2),
  attack('refused', 64, '64 are refused `POST /switchover` all the time', 0.2),
  {
    name: 'tls-handshakes',
    about: '200 make TLS handshakes and hang up',
    attack: { kind: 'tls-handshake', connections: 200 },
    scheme: 'https',
    share: 1,
    beside: restOverTls,
  },
  {
    name: 'endless-answers',
    about: '100 member keys whose REST API answers without end; the leader is asked to hand over to them',
    share: 1,
    beside: endlessAnswers,
  },
  {
    name: 'full-log-disk',
    about: 'the disk of the log is full; 64 are refused `POST /switchover` all the time',
    attack: { kind: 'refused', connections: 64 },
    share: 1,
    beside: fullLogDisk,
  },
]

async function restSection(node: Node): Promise<Section> {
  const { restapi } = JSON.parse(await readFile(node.file, 'utf8')) as { readonly restapi: Section }
  return restapi
}

/** The leader's REST API speaks TLS meanwhile. */
async function restOverTls({ cluster, leader }: Scene): Promise<{ readonly undo: () => Promise<void> }> {
  const { host, file, agent } = leader
  const certfile = join(cluster.stage.directory, 'rest.crt')
  const keyfile = join(cluster.stage.directory, 'rest.key')
  const subject = ['-subj', `/CN=${host.name}`, '-addext', `subjectAltName=IP:${host.address}`]
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  await run(['openssl', 'req', '-x509', ...made, '-keyout', keyfile, '-out', certfile, ...subject])
  await run(['chown', 'postgres', keyfile, certfile])
  const before = await restSection(leader)
  const answers = (url: string) => async () =>
    (await tryRun(['ip', 'netns', 'exec', cluster.client.namespace, 'curl', '-skf', '-m', '1', url])).code ===
    0
  const address = `${host.address}:${restPort}`
  await rewriteSections(file, { restapi: { ...before, certfile, keyfile } })
  agent.signal('SIGHUP')
  await until('the REST API speaks TLS', answers(`https://${address}/liveness`), 30_000, 200)
  return {
    async undo() {
      await rewriteSections(file, { restapi: before })
      agent.signal('SIGHUP')
      await until('the REST API speaks plain HTTP again', answers(`http://${address}/liveness`), 30_000, 200)
    },
  }
}

const GHOSTS = Array.from({ length: 100 }, (_, index) => `ghost${String(index).padStart(3, '0')}`)
const GHOST_PORT = 9008

/** Whoever may write to etcd: members that do not exist, and handovers to them, one after the other. */
async function endlessAnswers({
  cluster,
  attacker,
  leader,
}: Scene): Promise<{ readonly undo: () => Promise<void> }> {
  const { stage, etcd, client } = cluster
  const ask = (args: readonly string[]) => etcdctl(client, args, etcd)
  const program = [process.execPath, join(import.meta.dirname, 'endless-answers.ts')]
  const server = await stage.start(attacker, {
    name: 'endless-answers',
    command: [...program, attacker.address, String(GHOST_PORT)],
  })
  const url = `http://${attacker.address}:${GHOST_PORT}/patroni`
  const record = (name: string) =>
    JSON.stringify({
      api_url: url,
      conn_url: `postgres://${attacker.address}:5432/postgres`,
      state: 'running',
      role: 'replica',
      version: '4.1.5',
      name,
      xlog_location: 1 << 30,
      timeline: 1,
      replication_state: 'streaming',
    })
  for (const name of GHOSTS) await ask(['put', `/service/test/members/${name}`, record(name)])
  const stop = new AbortController()
  const handovers = (async () => {
    for (let turn = 0; !stop.signal.aborted; turn += 1) {
      const member = GHOSTS[turn % GHOSTS.length]
      await ask(['put', '/service/test/failover', JSON.stringify({ leader: leader.host.name, member })])
      await sleep(500)
    }
  })()
  return {
    async undo() {
      stop.abort()
      await handovers
      await ask(['del', '/service/test/failover'])
      await ask(['del', '--prefix', '/service/test/members/ghost'])
      await server.stop('SIGKILL')
    },
  }
}

/** The log goes to a small disk of its own (`hostOf` in run.ts mounts it), which is filled. */
async function fullLogDisk({ cluster, leader }: Scene): Promise<{ readonly undo: () => Promise<void> }> {
  const ballast = join(cluster.stage.directory, `${leader.host.name}-log`, 'ballast')
  // dd ends with an error when nothing more fits; that is what it is for here.
  await tryRun(['dd', 'if=/dev/zero', `of=${ballast}`, 'bs=64k'])
  await writeFile(`${ballast}-2`, 'x'.repeat(4096)).catch(() => undefined)
  return {
    async undo() {
      await rm(ballast, { force: true })
      await rm(`${ballast}-2`, { force: true })
    },
  }
}
