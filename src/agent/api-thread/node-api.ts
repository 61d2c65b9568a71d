// The node's HTTP API: what it shows of the node, and what it may ask of it.

import { hasSetting, readDynamicSettings } from '../../config/dynamic.ts'
import { formatProblem } from '../../model/settings/problem.ts'
import type { Adapters } from '../adapters.ts'
import type { NodeStart } from '../node.ts'
import type { OwnedNodeState } from '../node-state.ts'
import { type ApiThread, createApiThread } from './thread-server.ts'

export function createNodeApi(
  { config, clock, log }: NodeStart,
  adapters: Adapters,
  state: OwnedNodeState,
): ApiThread {
  return createApiThread({
    ...adapters,
    config: config.restapi,
    state,
    self: config.name,
    scope: config.scope,
    clock,
    log,
    validateDynamic: document => {
      const result = readDynamicSettings(document, null)
      return result.ok ? [] : result.errors.map(formatProblem)
    },
    hasSetting,
    parameters: (...asked) => adapters.postgres.parameterFacts(...asked),
    readings: () => ({
      ...{ settings: state.settings(), status: state.status(), failsafe: state.failsafe() },
      ...{ ...state.lastCluster(), extra: state.extra(), logger: state.logger() },
      wantsDebug: log.wantsDebug(),
    }),
  })
}
