// The dynamic configuration in force. The first one comes from the cached copy beside the data, or from bootstrap.dcs.
// Etcd's document replaces it as soon as it is seen; each node repairs bad values in it in the same way. A document
// that cannot be used at all changes nothing, and a node that has seen no other does not lead
// (decide/known-configuration.ts).

import { defaultSettings, settingsInForce } from '../config/dynamic.ts'
import type { ClusterView, DynamicConfig, JsonObject } from '../model/cluster/cluster.ts'
import { errorText } from '../model/error-text.ts'
import type { DynamicSettings } from '../model/settings/dynamic-settings.ts'
import { formatProblem, type Problem } from '../model/settings/problem.ts'
import type { Revision } from '../model/units.ts'
import type { Log } from '../ports/log.ts'

export interface DynamicConfiguration {
  settings(): DynamicSettings
  /** Etcd's document, or that there is none, was seen: the settings are the cluster's, not only this node's copy. */
  isConfirmed(): boolean
  /** The revision of the last document of etcd that was considered; null: none was. */
  revision(): Revision | null
  /**
   * Puts the document of this view in force if it is new, and returns true if the settings changed. `trial` throws where
   * the settings could not be applied. Such a document, and one that makes its reader throw (a bug), is refused like one
   * that is no JSON. Never throws.
   */
  consider(view: ClusterView, trial?: Trial): boolean
  /** Takes a document from another source than etcd (cache, bootstrap.dcs), at start. */
  startWith(document: JsonObject, source: string): void
}

type Trial = (document: JsonObject) => void

const IN_ETCD = 'dynamic configuration'
const REMEDY = 'HINT: write a good document with hactl edit-config --replace FILE'

export function createDynamicConfiguration(log: Log): DynamicConfiguration {
  let settings = defaultSettings()
  let isConfirmed = false
  let isUnusable = false
  let seenRevision: Revision | null = null
  let told: ReadonlySet<string> = new Set()

  function accept(document: JsonObject, source: string, trial: Trial = () => {}): boolean {
    const result = settingsInForce(document, settings)
    trial(result.settings.document)
    const changed = result.settings !== settings
    settings = result.settings
    if (!changed) return false
    const warnings = result.warnings.map(warning => `${source}: ${textOf(warning)}`)
    // A value that was bad before the change is not reported again.
    for (const warning of warnings) if (!told.has(warning)) log.warning(warning)
    told = new Set(warnings)
    return true
  }

  function tellUnusable(why: string): void {
    isUnusable = true
    const what = `the ${IN_ETCD} in etcd cannot be used (${why})`
    log.error(
      isConfirmed
        ? `${what}: the last good one stays in force. ${REMEDY}`
        : `${what} and this agent has seen no other: until it can be used this node does not lead and is no healthy replica. ${REMEDY}`,
    )
  }

  /** null: the document cannot be used, which is told. */
  function attempt(config: DynamicConfig, trial: Trial | undefined): boolean | null {
    if (!config.valid) {
      tellUnusable(config.why)
      return null
    }
    try {
      return accept(config.document, IN_ETCD, trial)
    } catch (error) {
      tellUnusable(`a bug of hactl, please report it: ${errorText(error)}`)
      return null
    }
  }

  return {
    settings: () => settings,
    isConfirmed: () => isConfirmed,
    revision: () => seenRevision,
    consider({ config }, trial) {
      if (config === null) {
        isConfirmed = true
        return false
      }
      if (config.modRevision === seenRevision) return false
      seenRevision = config.modRevision
      const changed = attempt(config.value, trial)
      if (changed === null) return false
      if (isUnusable) log.info(`the ${IN_ETCD} in etcd can be used again`)
      isUnusable = false
      isConfirmed = true
      return changed
    },
    startWith(document, source) {
      accept(document, source)
    },
  }
}

/** Leaves out the place, which the source before it names. */
function textOf(problem: Problem): string {
  return formatProblem({ ...problem, place: null })
}
