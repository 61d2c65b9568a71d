// Reads the changes that `edit-config` is given as options: files or stdin as YAML, and single settings `key=value`.

import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { type ConfigChange, settingPath } from '../../admin/config/edit-config.ts'
import type { Json } from '../../model/cluster/cluster.ts'
import { done, failed, type Result } from '../../model/command/failure.ts'
import { errorText } from '../../model/error-text.ts'
import { isJsonObject } from '../../model/settings/patch.ts'
import { TIMING_PROFILE_NAMES, TIMING_PROFILES } from '../../model/settings/timing-profile.ts'

export interface ChangeOptions {
  readonly replace?: string | undefined
  readonly apply?: string | undefined
  readonly profile?: string | undefined
  readonly set?: readonly string[] | undefined
  readonly pg?: readonly string[] | undefined
}

/** undefined: not readable, with the reason. The YAML reader is passed in, because the terminal may not import it. */
type ReadYaml = (text: string) => Promise<{ readonly value: Json } | { readonly why: string }>

/** In the order in which they are applied. Empty: no option names a change, so an editor opens. */
export async function readChanges(
  options: ChangeOptions,
  readYaml: ReadYaml,
): Promise<Result<readonly ConfigChange[]>> {
  const changes: ConfigChange[] = []
  for (const kind of ['replace', 'apply'] as const) {
    const source = options[kind]
    if (source === undefined) continue
    const change = await readDocument(kind === 'apply' ? 'merge' : 'replace', source, readYaml)
    if (!change.ok) return failed(change.failure)
    changes.push(change.value)
  }
  const profile = TIMING_PROFILE_NAMES.find(name => name === options.profile)
  if (profile !== undefined) changes.push({ kind: 'merge', document: TIMING_PROFILES[profile] })
  const settings = [
    ...(options.set ?? []),
    ...(options.pg ?? []).map(text => `postgresql.parameters.${text}`),
  ]
  for (const setting of settings) {
    const change = await readSetting(setting, readYaml)
    if (!change.ok) return failed(change.failure)
    changes.push(change.value)
  }
  return done(changes)
}

/** Does any option read stdin? Then nobody can answer a question there. */
export function readsStdin(options: ChangeOptions): boolean {
  return options.replace === '-' || options.apply === '-'
}

async function readDocument(
  kind: 'merge' | 'replace',
  source: string,
  readYaml: ReadYaml,
): Promise<Result<ConfigChange>> {
  const read = await readInput(source)
  if (!read.ok) return failed(read.failure)
  const isNothing = kind === 'replace' && read.value.trim() === ''
  const parsed = isNothing ? 'is empty' : await parseDocument(read.value, readYaml)
  if (typeof parsed === 'string') {
    const where = source === '-' ? 'stdin' : source
    return failed({
      kind: 'usage',
      message: `${where} ${parsed}`,
      // The program before a pipe that failed must not delete every setting of the cluster.
      hint: isNothing
        ? 'give a YAML mapping such as show-config prints, or {} to remove every setting.'
        : 'give a YAML mapping such as show-config prints.',
    })
  }
  return done({ kind, document: parsed })
}

/** Returns the document, or a text that says what is wrong with it. */
async function parseDocument(
  text: string,
  readYaml: ReadYaml,
): Promise<{ readonly [key: string]: Json } | string> {
  const parsed = await readYaml(text)
  if ('why' in parsed) return parsed.why
  if (parsed.value === null) return {}
  return isJsonObject(parsed.value) ? parsed.value : 'is not a mapping (key: value)'
}

async function readInput(source: string): Promise<Result<string>> {
  try {
    return done(source === '-' ? await text(process.stdin) : await readFile(source, 'utf8'))
  } catch (error) {
    const why = errorText(error)
    return failed({
      kind: 'usage',
      message: `cannot read ${source}: ${why}`,
      hint: 'name a readable file, or - for stdin.',
    })
  }
}

async function readSetting(setting: string, readYaml: ReadYaml): Promise<Result<ConfigChange>> {
  const at = setting.indexOf('=')
  const parsed = at < 1 ? { why: 'has no value' } : await readYaml(setting.slice(at + 1))
  if ('why' in parsed) {
    const hint = 'write KEY=VALUE, e.g. --set ttl=20; an empty value or null removes the key.'
    return failed({ kind: 'usage', message: `invalid parameter setting ${setting}`, hint })
  }
  return done({ kind: 'set', path: settingPath(setting.slice(0, at)), value: parsed.value })
}
