// The sources of a configuration put together: the file or directory, PATRONI_CONFIGURATION, the other variables.

import type { Problem, ProblemPlace } from '../../model/settings/problem.ts'
import { adoptEtcdV2 } from '../etcd-section.ts'
import { EMPTY_SOURCE, mergeSources, parseSource, readSource, type Source } from './config-files.ts'
import { hasVariables, readEnvironment, WHOLE_DOCUMENT } from './environment.ts'

export interface ConfigSource {
  /** A file or a directory; null: only the environment. */
  readonly path: string | null
  readonly env: NodeJS.ProcessEnv
}

/** File and variables as one tree, with the place of each key; `path` that does not exist leaves the environment. */
export async function gatherSource({ path, env }: ConfigSource): Promise<Source> {
  const file = path === null ? null : await readSource(path)
  if (file !== null) return adoptEtcdV2(mergeSources(file, await readEnvironment(env)))
  const absent = path === null ? EMPTY_SOURCE : absentFile(path, env)
  const whole = env[WHOLE_DOCUMENT]
  const rest =
    whole === undefined || whole === ''
      ? await readEnvironment(env)
      : await parseSource(whole, WHOLE_DOCUMENT)
  return adoptEtcdV2(mergeSources(absent, rest))
}

/** As with Patroni, the environment alone may configure a node whose file is missing, but with a warning. */
function absentFile(path: string, env: NodeJS.ProcessEnv): Source {
  const place = { kind: 'file', file: path, line: null } as const
  const problem: Problem = { path: null, place, message: 'does not exist', hint: null }
  if ((env[WHOLE_DOCUMENT] ?? '') === '' && !hasVariables(env)) return { ...EMPTY_SOURCE, errors: [problem] }
  const message = 'does not exist; the configuration comes from the environment alone'
  return { ...EMPTY_SOURCE, warnings: [{ ...problem, message }] }
}

/**
 * The place of a key; for a section that only its keys have (variables), theirs; else that of the section around it.
 */
export function placesOf(source: Source): (path: string) => ProblemPlace | null {
  return path => {
    const inside = [...source.places].find(([known]) => known.startsWith(`${path}.`))
    for (let part = path; part !== ''; part = part.slice(0, Math.max(part.lastIndexOf('.'), 0))) {
      const place = source.places.get(part) ?? (part === path ? inside?.[1] : undefined)
      if (place !== undefined) return place
    }
    return null
  }
}
