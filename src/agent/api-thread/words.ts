// What the two threads say to each other. Everything is plain data that is copied on its way.

import type { ClusterView, JsonObject } from '../../model/cluster/cluster.ts'
import type { Seen } from '../../model/seen.ts'
import type { RestApiConfig } from '../../model/settings/config.ts'
import type { DynamicSettings } from '../../model/settings/dynamic-settings.ts'
import type { BootMillis, MemberName, Millis, Scope } from '../../model/units.ts'
import type { AgentRequest } from '../../rest/agent-line.ts'
import type { FailsafeView, LoggerView, NodeStatus } from '../../rest/node-view.ts'
import type { LeaseMemory } from './lease-cell.ts'

/** How a thread begins. */
export interface ApiThreadStart {
  readonly config: RestApiConfig
  readonly self: MemberName
  readonly scope: Scope
  readonly lease: LeaseMemory
  readonly readings: PublishedReadings
}

/** The node as the API shows it. */
export interface PublishedReadings {
  readonly settings: DynamicSettings
  readonly status: NodeStatus
  /** As it was last seen, however long ago. */
  readonly cluster: Seen<ClusterView>
  /** When etcd was last heard: the thread itself judges whether that is too long ago. */
  readonly heardAtMs: BootMillis
  readonly failsafe: FailsafeView
  readonly extra: JsonObject
  readonly logger: LoggerView
  /** Lines at level DEBUG are wanted. */
  readonly wantsDebug: boolean
}

/** The agent asks the thread. */
export type ToThread =
  | { readonly is: 'listen' }
  | { readonly is: 'reload'; readonly config: RestApiConfig }
  | { readonly is: 'stop' }
  /** What has changed; answered when it was taken. */
  | { readonly is: 'readings'; readonly changed: Partial<PublishedReadings> }

/** The thread asks the agent. */
export type ToAgent =
  | { readonly is: 'fresh'; readonly budgetMs: Millis }
  | { readonly is: 'read' }
  | { readonly is: 'perform'; readonly request: AgentRequest }

/** The thread tells the agent. */
export type ToldByThread =
  | { readonly is: 'refresh' }
  | { readonly is: 'log'; readonly level: LogLevel; readonly text: string }

export type LogLevel = 'debug' | 'info' | 'warning' | 'error'
