// The dynamic configuration: taken from etcd when it changed and is valid, else the last good one stays in force and
// the refusal is named. The first comes from etcd, the cached copy beside the data, or bootstrap.dcs, in this order.

import { defaultSettings, readDynamicSettings } from '../config/dynamic.ts'
import type { ClusterView, JsonObject } from '../model/cluster.ts'
import { formatProblem, type Problem } from '../model/problem.ts'
import type { DynamicSettings } from '../model/settings.ts'
import type { Revision } from '../model/units.ts'
import type { Log } from '../ports/log.ts'

export interface DynamicConfiguration {
  settings(): DynamicSettings
  /** Puts the document of this view in force if it is new and good; true when the settings changed. Tells of keys that nobody can read. */
  consider(view: ClusterView): boolean
  /** A document from elsewhere than etcd (cache, bootstrap.dcs), at start. */
  startWith(document: JsonObject, source: string): void
}

export function createDynamicConfiguration(log: Log): DynamicConfiguration {
  let settings = defaultSettings()
  let seenRevision: Revision = -1

  function accept(document: JsonObject, source: string): boolean {
    const result = readDynamicSettings(document, settings)
    for (const warning of result.warnings) log.warning(`${source}: ${told(warning)}`)
    if (!result.ok) {
      log.error(
        `${source} is refused, the last good one stays in force: ${result.errors.map(told).join('; ')}`,
      )
      return false
    }
    const changed = result.settings !== settings
    settings = result.settings
    return changed
  }

  return {
    settings: () => settings,
    consider({ config }) {
      if (config === null || config.modRevision === seenRevision) return false
      seenRevision = config.modRevision
      if (!config.value.valid) {
        log.error(
          `the dynamic configuration in etcd is unreadable, the last good one stays in force: ${config.value.why}`,
        )
        return false
      }
      return accept(config.value.document, 'dynamic configuration')
    },
    startWith(document, source) {
      accept(document, source)
    },
  }
}

/** Without the place, which the source before it names. */
function told(problem: Problem): string {
  return formatProblem({ ...problem, place: null })
}
