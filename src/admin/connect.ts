// Wires the operator's commands to the outside: configuration, etcd, the members' REST API. Adapters are loaded when
// they are first needed: a command that only reads never loads gRPC, because that takes longer than all its work.

import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { type OperatorConfig, readCtlConfig } from '../config/ctl.ts'
import { done, type Failure, failed, type Result } from '../model/command/failure.ts'
import type { Problem } from '../model/settings/problem.ts'
import type { Millis, Scope } from '../model/units.ts'
import type { Clock } from '../ports/clock.ts'
import type { MemberApi, OperatorStore } from '../ports/operator.ts'
import type { Peers } from '../ports/peers.ts'
import type { CommandStore } from '../ports/store.ts'
import { systemClock } from '../system/clock.ts'
import { userName } from '../system/user-name.ts'
import { OUTCOME_HEADER } from '../wire/outcome-code.ts'
import { problemText, remedyFor } from './config/problem-text.ts'
import { chooseCluster, type Operator } from './use-case.ts'

/** The global options as the command line gives them. */
interface ConnectOptions {
  readonly 'config-file'?: string | undefined
  readonly 'dcs-url'?: string | undefined
  readonly insecure: boolean
}

function unusable(errors: readonly Problem[]): Failure {
  return { kind: 'configuration', problems: errors.map(problemText), remedy: remedyFor(errors) }
}

/** Reads the configuration; connections are made only when they are needed. */
export async function connect(options: ConnectOptions): Promise<Result<Operator>> {
  const read = await readCtlConfig({
    path: options['config-file'] ?? null,
    dcsUrl: options['dcs-url'],
    insecure: options.insecure,
    env: process.env,
  })
  if (!read.ok) return failed(unusable(read.errors))
  const { config } = read
  const clock = systemClock()
  return done({
    clock,
    store: operatorStore(config, clock),
    members: memberApi(config),
    peers: lazyPeers(config, clock),
    namespace: config.namespace,
    user: userName(),
    person: `${userName() ?? `uid ${process.getuid?.() ?? 'unknown'}`}@${hostname()}`,
    newId: randomUUID,
    defaultCluster: config.scope,
  })
}

/** The course of most commands: connect, find out which cluster is meant, do one thing, disconnect. */
export async function withCluster<T>(
  options: ConnectOptions,
  named: string | undefined,
  use: (operator: Operator, cluster: string) => Promise<Result<T>>,
): Promise<Result<T>> {
  const connected = await connect(options)
  if (!connected.ok) return failed(connected.failure)
  const cluster = chooseCluster(connected.value, named)
  if (!cluster.ok) return failed(cluster.failure)
  const result = await use(connected.value, cluster.value)
  // After a failure the process ends at once: closing the connection to an etcd that does not answer would take time.
  if (result.ok) await connected.value.store.close()
  return result
}

function operatorStore(config: OperatorConfig, clock: Clock): OperatorStore {
  const { etcd, namespace } = config
  const opened = new Map<string, Promise<CommandStore>>()
  const overGrpc = (scope: Scope): Promise<CommandStore> => {
    const known = opened.get(scope) ?? openStore(config, scope, clock)
    opened.set(scope, known)
    return known
  }
  return {
    read: async (scope, budgetMs) => {
      const { readClusterOverGateway } = await import('../dcs/etcd/gateway.ts')
      const startMs = clock.bootMs()
      const fastMs = Math.ceil(budgetMs / 2)
      const read = await readClusterOverGateway({ config: etcd, namespace, scope, budgetMs: fastMs, clock })
      const leftMs = budgetMs - (clock.bootMs() - startMs)
      // etcd may run without its JSON gateway, and whatever else failed over the gateway may work over gRPC.
      return read.known || read.isFinal === true || leftMs <= 0 ? read : (await overGrpc(scope)).read(leftMs)
    },
    scopes: async budgetMs => {
      const { scopesOverGateway } = await import('../dcs/etcd/gateway.ts')
      const startMs = clock.bootMs()
      const quick = await scopesOverGateway(etcd, namespace, Math.ceil(budgetMs / 2), clock)
      const leftMs = budgetMs - (clock.bootMs() - startMs)
      if (quick.known || leftMs <= 0) return quick
      const { readScopes } = await import('../dcs/etcd/scopes.ts')
      return readScopes({ config: etcd, namespace, budgetMs: leftMs, clock })
    },
    glance: async (scope, budgetMs) => {
      const { readClusterOverGateway } = await import('../dcs/etcd/gateway.ts')
      return readClusterOverGateway({ config: etcd, namespace, scope, budgetMs, clock })
    },
    glanceScopes: async budgetMs => {
      const { scopesOverGateway } = await import('../dcs/etcd/gateway.ts')
      const names = await scopesOverGateway(etcd, namespace, budgetMs, clock)
      return names.known ? names.value : []
    },
    writeConfig: async (scope, ...request) => (await overGrpc(scope)).writeConfig(...request),
    writeFailover: async (scope, ...request) => (await overGrpc(scope)).writeFailover(...request),
    writeDrain: async (scope, ...request) => (await overGrpc(scope)).writeDrain(...request),
    removeAll: async (scope, ...request) => (await overGrpc(scope)).removeAll(...request),
    close: async () => {
      const stores = await Promise.all(opened.values())
      await Promise.all(stores.map(store => store.close()))
    },
  }
}

/** Only the agent keeps leases; a command writes keys without one, so these times are never used. */
const NO_LEASE = { ttlMs: 30_000, retryTimeoutMs: 10_000 } as const

async function openStore(config: OperatorConfig, scope: Scope, clock: Clock): Promise<CommandStore> {
  const { createEtcdStore } = await import('../dcs/etcd/store.ts')
  const log = (): void => {}
  const member = 'hactl'
  return createEtcdStore({
    config: config.etcd,
    namespace: config.namespace,
    scope,
    member,
    clock,
    timings: NO_LEASE,
    log,
  })
}

function memberApi(config: OperatorConfig): MemberApi {
  return {
    call: async (member, request) => {
      const { callMember } = await import('../peers/member-client.ts')
      const answer = await callMember(member.apiUrl, { ...request, ctl: config.ctl })
      if ('unreachable' in answer) return { kind: 'unreachable', why: answer.unreachable }
      const code = answer.headers[OUTCOME_HEADER]
      const { status, body } = answer
      return { kind: 'answered', status, body, code: typeof code === 'string' ? code : null }
    },
  }
}

/** The operator's rules for certificates, not the agents': `-k` says whether they are verified. */
function lazyPeers(config: OperatorConfig, clock: Clock): Peers {
  const get = async (apiUrl: string | null, path: string, timeoutMs: Millis) => {
    const { callMember } = await import('../peers/member-client.ts')
    if (apiUrl === null) return { unreachable: 'its member key has no api_url' }
    return callMember(apiUrl, { method: 'GET', path, timeoutMs, ctl: config.ctl })
  }
  return {
    ask: async (members, timeoutMs) => {
      const [{ readPeerView }, { unseen }] = await Promise.all([
        import('../peers/peer-view.ts'),
        import('../model/seen.ts'),
      ])
      const asked = members.map(async ({ name, record }) => {
        const atMs = clock.bootMs()
        const answer = await get(record.apiUrl, '/patroni', timeoutMs)
        if ('unreachable' in answer) return [name, unseen(answer.unreachable)] as const
        if (answer.status !== 200) return [name, unseen(`HTTP status ${answer.status}`)] as const
        return [name, readPeerView(answer.body, atMs)] as const
      })
      return new Map(await Promise.all(asked))
    },
    answers: async (apiUrl, timeoutMs) => 'status' in (await get(apiUrl, '/liveness', timeoutMs)),
  }
}
