// Has src/postgres/settings write the server's settings and remembers the outcome. Gathers the facts for that: version
// and option names of the installed program, and the control file.

import { stat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import type { Upstream } from '../model/cluster/peer.ts'
import { errorText } from '../model/error-text.ts'
import type { ControlData } from '../model/server/postgres.ts'
import type { StepOutcome } from '../ports/postgres.ts'
import { failureOf } from '../system/child-process.ts'
import { sendSignal } from '../system/proc.ts'
import { type Context, DONE, failed, type Program } from './context.ts'
import { lookAtAdoption } from './create/adoption.ts'
import { keepReplacedFiles } from './create/adoption-changes.ts'
import { readControlData } from './data/control-data.ts'
import { readMajorVersion } from './data/data-directory.ts'

interface SettingsInput {
  readonly role: 'primary' | 'standby'
  readonly upstream: Upstream | null
  readonly majorVersion: number
  /** The control file decides over some values of a standby that is about to start. */
  readonly stopped: boolean
}

type Written =
  | { readonly ok: true; readonly changed: boolean; readonly commandLine: readonly string[] }
  | { readonly ok: false; readonly why: string }

const PROGRAM_LIMIT_MS = 5000

export async function writeSettings(context: Context, input: SettingsInput): Promise<Written> {
  const { state, settings, programs } = context
  // One configuration for all that is written, whatever is taken over meanwhile.
  const { effective } = state
  const control = await controlOf(context, input.stopped)
  const program = await programOf(context)
  if (program === null) return { ok: false, why: `${programs.path('postgres')} --version gives no version` }
  const adoption = await lookAtAdoption(context, effective)
  const refused = [...adoption.refusals, ...(adoption.unseen === null ? [] : [adoption.unseen])]
  if (refused.length > 0) return { ok: false, why: `settings not written: ${refused.join('; ')}` }
  try {
    await keepReplacedFiles(context, adoption.replaced)
    if (input.stopped) await settings.prepareDirectories()
    const written = await settings.write({
      effective,
      majorVersion: input.majorVersion,
      fullVersion: program.fullVersion,
      role: input.role,
      upstream: input.upstream,
      control,
      describeConfig: async () => program.settings,
      running: !input.stopped,
    })
    state.upstream = input.upstream
    state.pendingRestart = null
    return { ok: true, changed: written.changed, commandLine: written.commandLine }
  } catch (error) {
    return { ok: false, why: `settings not written: ${errorText(error)}` }
  }
}

async function controlOf(context: Context, stopped: boolean): Promise<ControlData | null> {
  if (!stopped) return null
  const control = await readControlData(context.programs, context.clock, context.dataDir)
  return control.known ? control.value : null
}

/** Two child processes, once for each program file. */
async function programOf(context: Context): Promise<Program | null> {
  const { state, programs } = context
  const path = programs.path('postgres')
  const status = isAbsolute(path) ? await stat(path).catch(() => null) : null
  const file = status === null ? null : `${status.ino} ${status.size} ${status.mtimeMs}`
  if (state.program !== null && file !== null && state.program.file === file) return state.program
  const [version, described] = await Promise.all([
    programs.run('postgres', ['--version'], { timeoutMs: PROGRAM_LIMIT_MS }),
    programs.run('postgres', ['--describe-config'], { timeoutMs: PROGRAM_LIMIT_MS }),
  ])
  const number = /^\S+ \S+ (\d+(?:\.\d+)*)/.exec(version.stdout)?.[1]
  if (number === undefined || failureOf('postgres', described) !== null) return null
  const names = described.stdout.split('\n').map(line => line.split('\t')[0]?.toLowerCase() ?? '')
  const fullVersion = number.includes('.') ? number : `${number}.0`
  state.program = { fullVersion, settings: new Set(names.filter(name => name !== '')), file }
  return state.program
}

/** Rewrites the settings of a running or stopped server; a running one is reloaded. */
export async function rewriteSettings(
  context: Context,
  role: 'primary' | 'standby',
  upstream: Upstream | null,
  always: boolean,
): Promise<StepOutcome> {
  const majorVersion = await readMajorVersion(context.dataDir)
  if (majorVersion === null) return failed('PG_VERSION is missing or unreadable: nothing is written')
  const running = await context.watch.find()
  const { state } = context
  const written = await writeSettings(context, { role, upstream, majorVersion, stopped: running === null })
  if (!written.ok) return failed(written.why)
  if (running !== null && (written.changed || always)) sendSignal(running.pid, 'SIGHUP')
  // The server's flags change when it has read the files, so a look's earlier result is dropped.
  state.pendingRestart = null
  return DONE
}
