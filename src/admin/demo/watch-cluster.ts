// The cluster as etcd shows it: prints a line when it changes, and waits for the state that a step needs.

import { readClusterOverGateway } from '../../dcs/etcd/gateway.ts'
import type { ClusterView, Member } from '../../model/cluster/cluster.ts'
import type { Millis } from '../../model/units.ts'
import type { Clock } from '../../ports/clock.ts'
import { DEMO_SCOPE, type Layout } from './layout.ts'

export interface Watch {
  /** Waits until `reached`; prints each change on the way. Throws with what it saw last when the limit passes. */
  until(what: string, limitMs: Millis, reached: (view: ClusterView) => boolean): Promise<ClusterView>
}

const LOOK_EVERY_MS = 200

export function createWatch(layout: Layout, clock: Clock, say: (line: string) => void): Watch {
  const startedMs = clock.bootMs()
  let shown = ''

  async function look(): Promise<ClusterView | null> {
    const view = await readClusterOverGateway({
      config: { endpoints: [{ host: '127.0.0.1', port: layout.etcdPort }], tls: null, credentials: null },
      namespace: 'service',
      scope: DEMO_SCOPE,
      budgetMs: 2000,
      clock,
    })
    if (!view.known) return null
    const line = describe(view.value)
    if (line !== shown) say(`${((clock.bootMs() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${line}`)
    shown = line
    return view.value
  }

  return {
    async until(what, limitMs, reached) {
      const end = clock.bootMs() + limitMs
      while (clock.bootMs() < end) {
        const view = await look()
        if (view !== null && reached(view)) return view
        await clock.sleep(LOOK_EVERY_MS)
      }
      throw new Error(`waited ${limitMs / 1000} s for ${what} in vain; last seen: ${shown || 'nothing'}`)
    },
  }
}

function describe(view: ClusterView): string {
  if (view.members.length === 0) return 'no members yet'
  return view.members.map(member => describeMember(view, member)).join(' | ')
}

function describeMember(view: ClusterView, { name, record }: Member): string {
  const role = view.leader?.name === name ? 'LEADER' : record.role
  const state = record.replicationState ?? record.state
  const timeline = record.timeline === undefined ? '' : ` tl ${record.timeline}`
  return `${name} ${role} ${state}${timeline}`
}

/** A leader that runs as primary, and this many standbys that stream from it on its timeline. */
export function isHealthy(view: ClusterView, standbys: number): boolean {
  const leader = view.members.find(member => member.name === view.leader?.name)
  if (leader?.record.role !== 'primary' || leader.record.state !== 'running') return false
  const streaming = view.members.filter(
    member =>
      member.record.replicationState === 'streaming' && member.record.timeline === leader.record.timeline,
  )
  return streaming.length >= standbys
}
