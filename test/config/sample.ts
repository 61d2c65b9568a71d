// A configuration that is complete and right, and small ways to bend it: every test changes one thing.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type ConfigResult, readLocalConfig } from '../../src/config/node-config.ts'
import type { AgentConfig } from '../../src/model/settings/config.ts'
import { formatProblem, type Problem } from '../../src/model/settings/problem.ts'

export const COMPLETE = `scope: batman
name: pg1
restapi:
  listen: 10.0.0.1:8008
etcd3:
  hosts: 10.0.0.9:2379
bootstrap:
  dcs:
    ttl: 30
postgresql:
  listen: 10.0.0.1:5432
  data_dir: /var/lib/postgresql/data
  authentication:
    superuser: {username: postgres, password: secret-super}
    replication: {username: replicator, password: secret-repl}
`

/** A directory of its own for this test; removed afterwards. */
export async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'hactl-config-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

/** Writes `text` as `hactl.yml` and reads it. */
export async function readText(text: string, env: NodeJS.ProcessEnv = {}): Promise<ConfigResult> {
  const path = join(await directory(), 'hactl.yml')
  await writeFile(path, text, { mode: 0o600 })
  return readLocalConfig({ path, env: { HOME: '/home/postgres', ...env } })
}

/** The complete configuration with more text behind it; a later section of the same name replaces the earlier one. */
export function withMore(more: string): string {
  return `${COMPLETE}${more}\n`
}

export function configOf(result: ConfigResult): AgentConfig {
  if (!result.ok) throw new Error(result.errors.map(formatProblem).join('\n'))
  return result.config
}

export function errorsOf(result: {
  readonly ok: boolean
  readonly errors?: readonly Problem[]
}): readonly string[] {
  return (result.errors ?? []).map(brief)
}

export function warningsOf(result: { readonly warnings: readonly Problem[] }): readonly string[] {
  return result.warnings.map(brief)
}

/** `path: message`, with the line when it is known and without the file, which differs from run to run. */
export function brief(problem: Problem): string {
  const line = problem.place?.kind === 'file' && problem.place.line !== null ? `${problem.place.line}: ` : ''
  const variable = problem.place?.kind === 'environment' ? `${problem.place.name}: ` : ''
  const path = problem.path === null ? '' : `${problem.path}: `
  return `${line}${variable}${path}${problem.message}`
}
