// The adapters of one agent: how this node reaches etcd, its PostgreSQL, its fencer, the other members and its journal.

import { join } from 'node:path'
import { effectivePostgresql } from '../config/effective.ts'
import { createEtcdStore } from '../dcs/etcd/store.ts'
import { createFencer } from '../fencer/fencer.ts'
import { createJournal } from '../journal/journal.ts'
import type { AgentLog } from '../journal/log.ts'
import type { AgentConfig, LogConfig } from '../model/settings/config.ts'
import type { DynamicSettings } from '../model/settings/dynamic-settings.ts'
import { createPeers } from '../peers/peers.ts'
import type { Fencer } from '../ports/fencer.ts'
import type { Journal } from '../ports/journal.ts'
import type { AgentPeers } from '../ports/peers.ts'
import type { LocalServer } from '../ports/postgres.ts'
import type { Store } from '../ports/store.ts'
import { createPostgres } from '../postgres/postgres.ts'
import type { NodeStart } from './node.ts'
import { fencerBinary } from './program-paths.ts'

export interface Adapters {
  readonly store: Store
  readonly postgres: LocalServer
  readonly fencer: Fencer
  readonly peers: AgentPeers
  readonly journal: Journal
}

/**
 * Between the fencer's SIGQUIT and its SIGKILL. With the time of killing and the clock's step it stays below the
 * smallest margin before the end of a lease (500 ms, model/timing.ts).
 */
const FENCER_GRACE_MS = 200

/** `settings` are those in force now: `retime` gives later ones to the store. `local` changes with a reload. */
export function createAdapters(
  start: NodeStart,
  settings: DynamicSettings,
  wake: (cause: string) => void,
  local: () => AgentConfig,
): Adapters {
  const { config, log, clock } = start
  const { ttlMs, retryTimeoutMs } = settings
  return {
    store: createEtcdStore({
      config: config.etcd,
      namespace: config.namespace,
      scope: config.scope,
      member: config.name,
      clock,
      log: asLines(log),
      timings: { ttlMs, retryTimeoutMs },
    }),
    postgres: createPostgres({
      config: config.postgresql,
      scope: config.scope,
      name: config.name,
      bootstrap: config.bootstrap,
      clock,
      log: (level, text) => log[level](text),
      effective: effectivePostgresql(config, settings.document, 'replica'),
      serverLog: join(config.stateDirectory, 'postgres.log'),
      stateDirectory: config.stateDirectory,
    }),
    fencer: createFencer({
      binary: fencerBinary(start.env, start.entry),
      dataDir: config.postgresql.dataDir,
      stateDirectory: config.stateDirectory,
      clock,
      log,
      graceMs: FENCER_GRACE_MS,
      onLost: () => wake('the fencer was lost'),
    }),
    peers: createPeers({ calls: local, clock, log }),
    journal: createJournal({ stateDirectory: config.stateDirectory, clock, log }),
  }
}

/** For adapters that name the level with each line. */
function asLines(log: AgentLog): (level: LogConfig['level'], text: string) => void {
  const say = {
    DEBUG: 'debug',
    INFO: 'info',
    WARNING: 'warning',
    ERROR: 'error',
    CRITICAL: 'critical',
  } as const
  return (level, text) => log[say[level]](text)
}
