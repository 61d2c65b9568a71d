// What a command did to a cluster, told from what stands in etcd and on the nodes' disks before and after it, whichever tool and
// whichever programs were at work. In words, for tables that people read: `pg2 leads`, `pg3 restarted`, `loop_wait 2 to 3`.

import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { MixedCluster } from './mixed.ts'
import { etcdctl } from './servers.ts'

/** A setting of every node's own file, by which a reload shows. */
export const LOCAL_SETTING = 'log_min_duration_statement'

type Document = Readonly<Record<string, unknown>>

interface NodeState {
  /** Another process is another start. */
  readonly postmaster: string
  /** Another directory is another copy. */
  readonly copy: string
  /** Of `LOCAL_SETTING`, in PostgreSQL's file. */
  readonly setting: string
}

export interface State {
  /** By what follows the scope in the key. */
  readonly keys: ReadonlyMap<string, string>
  readonly nodes: ReadonlyMap<string, NodeState>
}

export async function readState(
  { stage, client, etcd }: MixedCluster,
  names: readonly string[],
): Promise<State> {
  const answer = JSON.parse(await etcdctl(client, ['get', '--prefix', '/service/test/', '-w', 'json'], etcd))
  const decode = (text: string) => Buffer.from(text, 'base64').toString()
  const keys = (answer.kvs ?? []).map(({ key, value = '' }: { key: string; value?: string }) => [
    decode(key).replace('/service/test/', ''),
    decode(value),
  ])
  const nodes = names.map(async name => [name, await readNode(join(stage.directory, name, 'data'))] as const)
  return { keys: new Map(keys), nodes: new Map(await Promise.all(nodes)) }
}

async function readNode(data: string): Promise<NodeState> {
  const text = (file: string) => readFile(join(data, file), 'utf8').catch(() => '')
  const [pid = ''] = (await text('postmaster.pid')).split('\n')
  const { ino, birthtimeMs } = await stat(join(data, 'base')).catch(() => ({ ino: 0, birthtimeMs: 0 }))
  const setting = new RegExp(`^${LOCAL_SETTING} *= *'(\\d+)'`, 'm').exec(await text('postgresql.conf'))?.[1]
  return { postmaster: pid, copy: `${ino} ${birthtimeMs}`, setting: setting ?? '' }
}

/** What is still on its way to the state in which commands may be compared; null: nothing. */
export function restless({ keys, nodes }: State): string | null {
  const leader = keys.get('leader')
  const members = [...nodes.keys()].map(name => ({ name, is: parse(keys.get(`members/${name}`)) }))
  const leading = members.find(({ name }) => name === leader)?.is
  if (leading?.state !== 'running') return `the leader ${leader} is ${leading?.state}`
  const paused = parse(keys.get('config')).pause === true
  const request = parse(keys.get('failover'))
  if (Object.keys(request).length > 0 && request.scheduled_at === undefined) return 'a request is under way'
  for (const { name, is } of members) {
    if ((is.pause === true) !== paused) return `${name} is not told of the pause`
    if (is.timeline !== leading.timeline) return `${name} is on timeline ${is.timeline}`
    if (name === leader && is.role !== 'primary') return `${name} is ${is.role}`
    if (name === leader) continue
    const isThere = is.state === 'running' && is.replication_state === 'streaming'
    if (!isThere || is.receive_lsn === undefined) return `${name} is ${is.state}, ${is.replication_state}`
  }
  return null
}

/** In the order of their kinds, and by name within each. */
export function effects(before: State, now: State): readonly string[] {
  const found: string[] = []
  const [was, is] = [before, now].map(({ keys }) => keys.get('leader'))
  if (was !== is) found.push(`${is} leads`)
  const [config, changed] = [before, now].map(({ keys }) => flat(parse(keys.get('config'))))
  for (const path of new Set([...(config?.keys() ?? []), ...(changed?.keys() ?? [])])) {
    const [from = 'none', to = 'none'] = [config?.get(path), changed?.get(path)]
    if (from !== to) found.push(`${path} ${from} to ${to}`)
  }
  const [asked, asks] = [before, now].map(({ keys }) => requestIn(parse(keys.get('failover'))))
  if (asked !== asks) found.push(asks ?? 'no request')
  for (const [name, node] of now.nodes) found.push(...nodeEffects(name, before.nodes.get(name), node))
  for (const name of now.nodes.keys()) {
    const [had, has] = [before, now].map(({ keys }) => parse(keys.get(`members/${name}`)))
    const [waited, waits] = [had, has].map(key => key?.pending_restart === true)
    if (waited !== waits) found.push(`${name} ${waits === true ? 'waits' : 'does not wait'} for a restart`)
    const [planned, plans] = [had, has].map(key => parse(key?.scheduled_restart).schedule)
    if (planned !== plans) found.push(`${name} restarts at ${plans ?? 'no time'}`)
  }
  return found
}

function nodeEffects(name: string, before: NodeState | undefined, now: NodeState): readonly string[] {
  const found: string[] = []
  if (before?.copy !== now.copy) found.push(`${name} copied anew`)
  else if (before?.postmaster !== now.postmaster) found.push(`${name} restarted`)
  // A new copy is a reload, too.
  if (before?.setting !== now.setting && before?.copy === now.copy) found.push(`${name} reloaded`)
  return found
}

function requestIn(request: Document): string | undefined {
  const { leader = 'anybody', member = 'anybody', scheduled_at: at } = request
  return at === undefined ? undefined : `switchover from ${leader} to ${member} at ${at}`
}

function parse(value: unknown): Document {
  const document = typeof value === 'string' && value !== '' ? JSON.parse(value) : value
  return (document ?? {}) as Document
}

/** `postgresql.parameters.work_mem`: the text of its value. */
function flat(document: Document, path = ''): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(document).flatMap(([name, value]) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? [...flat(value as Document, `${path}${name}.`)]
        : [[`${path}${name}`, JSON.stringify(value)] as const],
    ),
  )
}
