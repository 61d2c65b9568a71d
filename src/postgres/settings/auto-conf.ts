// postgresql.auto.conf, where ALTER SYSTEM writes, is read after our file and wins over it. Recovery settings there
// would undo ours and are removed; other settings that contradict the configuration get a warning.

import { lastValue, readConfChain } from './conf-chain.ts'
import { readIfPresent, replaceFile } from './durable-file.ts'
import { withoutParameters } from './file-text.ts'
import type { ParameterMap } from './parameter-map.ts'
import { COMMAND_LINE_NAMES } from './parameters.ts'
import { RECOVERY_NAMES } from './recovery-settings.ts'
import { sameText } from './server-values.ts'
import type { Job } from './write-files.ts'

/** Recovery settings that an operator may set; the others are hactl's alone. */
const OPERATORS = [
  'archive_cleanup_command',
  'recovery_end_command',
  'recovery_min_apply_delay',
  'restore_command',
]

/** True when the file changed. */
export async function cleanAutoConf(job: Job): Promise<boolean> {
  const { places } = job
  const chain = await readConfChain(places.autoConf)
  const names = new Set(chain.assignments.map(({ name }) => name))
  tellContradictions(job, names, name => lastValue(chain, name))
  const taken = OPERATORS.filter(name => names.has(name))
  if (taken.length > 0) await keepTaken(job, taken)
  const text = await readIfPresent(places.autoConf)
  // One character per byte: the kept lines stay unchanged in any encoding.
  const cleaned = text === null ? null : withoutParameters(text.toString('latin1'), RECOVERY_NAMES)
  if (cleaned === null) return false
  const options = await places.optionsFor(places.autoConf)
  return await replaceFile(places.autoConf, Buffer.from(cleaned, 'latin1'), options)
}

/** Only names are logged, never values: a command may contain a password. */
async function keepTaken({ input, places, warn }: Job, taken: readonly string[]): Promise<void> {
  const kept = `${places.autoConf}.found`
  const text = (await readIfPresent(places.autoConf))?.toString('latin1') ?? ''
  const lines = text.split('\n').filter(line => withoutParameters(line, new Set(taken)) !== null)
  await replaceFile(kept, Buffer.from(`${lines.join('\n')}\n`, 'latin1'), await places.optionsFor(kept))
  const { recoveryConf, parameters } = input.effective
  const set = [...Object.keys(recoveryConf), ...Object.keys(parameters)].map(name => name.toLowerCase())
  const lost = taken.filter(name => !set.includes(name))
  if (lost.length > 0)
    warn(
      `${lost.join(', ')} of ALTER SYSTEM: taken out of ${places.autoConf}, and no longer in force on a standby ` +
        `unless set under postgresql.recovery_conf; the lines are kept in ${kept}`,
    )
}

function tellContradictions(
  { parameters, places, warn }: Job,
  names: ReadonlySet<string>,
  value: (name: string) => string | null,
): void {
  const contrary = [...names].filter(name => contradicts(parameters, name, value(name)))
  const ours = contrary.filter(name => COMMAND_LINE_NAMES.has(name))
  const theirs = contrary.filter(name => !COMMAND_LINE_NAMES.has(name))
  if (ours.length > 0)
    warn(`ALTER SYSTEM of ${ours.join(', ')} has no effect: the cluster's configuration decides`)
  if (theirs.length > 0)
    warn(
      `${theirs.join(', ')} of ALTER SYSTEM (${places.autoConf}) wins over the configuration: ALTER SYSTEM RESET ` +
        'to undo',
    )
}

function contradicts(parameters: ParameterMap, name: string, value: string | null): boolean {
  const wanted = parameters.get(name)
  return wanted !== null && value !== null && !sameText(value, wanted)
}
