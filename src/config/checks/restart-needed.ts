// Which changes of the local file a reload applies, and which wait for a restart of the agent. The schema says so for
// each setting; nothing here knows a setting by name.

import type { Json } from '../../model/cluster/cluster.ts'
import { deepEqualText } from '../../model/settings/patch.ts'
import { LOCAL } from '../schema/schema.ts'
import type { AnySetting } from '../schema/setting.ts'
import type { LocalValues } from './contradictions.ts'

type Path = keyof typeof LOCAL

/** The fresh values, except those that a running agent cannot change: they stay as they were when it started. */
export function takeOver(inForce: LocalValues, fresh: LocalValues): LocalValues {
  const source = (path: Path): LocalValues => (LOCAL[path].reloadable ? fresh : inForce)
  return { read: path => source(path).read(path), given: path => source(path).given(path) }
}

/** The settings that changed in the file but are not applied, in the order of the reference. */
export function waitingForStart(inForce: LocalValues, fresh: LocalValues): readonly Path[] {
  return Object.entries<AnySetting>(LOCAL).flatMap(([name, setting]) => {
    if (setting.reloadable || setting.support.kind !== 'yes') return []
    const path = name as Path
    return deepEqualText(plainValue(inForce, path), plainValue(fresh, path)) ? [] : [path]
  })
}

/** Values that leaves produce are plain data. Both sides were checked: nothing that is required is missing. */
function plainValue(values: LocalValues, path: Path): Json {
  return (values.read(path) ?? null) as Json
}
