// Writes a configuration that was made up or found: to a new file that only its owner may read, or hands back its text.

import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode, errorText } from '../model/error-text.ts'
import { generateConfig } from './generate.ts'
import { ownPlace } from './own-place.ts'
import { sampleConfig } from './sample.ts'

export type Written =
  /** `text`: for stdout. */
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly why: string }

export interface Asked {
  /** `running`: of the PostgreSQL that runs here. */
  readonly kind: 'sample' | 'running'
  /** null: PG* variables, then the local socket. */
  readonly dsn: string | null
}

/** `path` null: nothing is written. A file that is there stays: it may be the only one of its kind. */
export async function writeConfiguration(
  { kind, dsn }: Asked,
  path: string | null,
  env: NodeJS.ProcessEnv,
): Promise<Written> {
  const place = await ownPlace()
  const made =
    kind === 'sample'
      ? { ok: true as const, text: await sampleConfig(place, env) }
      : await generateConfig(dsn, place, env)
  if (!made.ok || path === null) return made
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, made.text, { flag: 'wx', mode: 0o600 })
    return { ok: true, text: '' }
  } catch (error) {
    const exists = errorCode(error) === 'EEXIST'
    const why = errorText(error)
    return {
      ok: false,
      why: exists ? `${path} exists already. HINT: Name another file, or move it away` : why,
    }
  }
}
