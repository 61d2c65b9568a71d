// `hactl agent CONFIG`: reads the configuration, wires the adapters to the loop, serves the HTTP API, listens to the
// signals, and takes everything down again in order. The only place that knows every part.

import { readLocalConfig } from '../config/node-config.ts'
import type { RuleText } from '../decide/rule.ts'
import { chapters } from '../decide/rule-book.ts'
import { createLog } from '../journal/log.ts'
import { printable } from '../model/command/printable.ts'
import type { AgentConfig } from '../model/settings/config.ts'
import { formatProblem } from '../model/settings/problem.ts'
import { HACTL_VERSION } from '../model/versions.ts'
import { removePrivateFolders } from '../postgres/server/private-folder.ts'
import { systemClock } from '../system/clock.ts'
import { hostIdentity, isOwnAddress } from '../system/host-identity.ts'
import { isOpenToAll } from '../system/private-directory.ts'
import { claimDirectories } from '../system/sole-agent.ts'
import { assemble, type Node } from './node.ts'
import type { Identity } from './self.ts'
import { listenToSignals } from './signals.ts'
import { findLoss, firstDynamicConfiguration } from './start-up.ts'

export interface AgentStart {
  /** null: everything from PATRONI_* variables. */
  readonly configPath: string | null
  readonly env: NodeJS.ProcessEnv
  /** `process.argv[1]`, from which the installation is found. */
  readonly entry: string
  /** Receives the problems of the configuration. */
  readonly complain: (line: string) => void
}

/** The policy of this version as text: one line per rule, by situation, in order; the log level is in brackets. */
export function rules(): string {
  return chapters()
    .map(({ situation, is, rules: own }) => [`${situation}: ${is}`, ...own.map(ruleLine)].join('\n'))
    .join('\n\n')
}

function ruleLine({ id, why, level }: RuleText): string {
  const loud = level === undefined ? '' : ` [${level}]`
  return `${id.padEnd(36)} ${why}${loud}`
}

const EXIT_USAGE = 2
const SHUTDOWN_LIMIT_MS = 5000

/** Runs until the agent ends, and returns the exit code. */
export async function runAgent(given: AgentStart): Promise<number> {
  // What stands in a file or a variable may hold anything.
  const start = { ...given, complain: (line: string) => given.complain(printable(line)) }
  const read = await readLocalConfig({ path: start.configPath, env: start.env })
  for (const warning of read.warnings) start.complain(`warning: ${formatProblem(warning)}`)
  if (!read.ok) {
    for (const error of read.errors) start.complain(`error: ${formatProblem(error)}`)
    return EXIT_USAGE
  }
  if (process.getuid?.() === 0) {
    start.complain(
      'error: the agent must not run as root, because PostgreSQL refuses to. HINT: Start it as the user that owns the data directory, usually postgres.',
    )
    return EXIT_USAGE
  }
  // `pgrep -f 'hactl.*agent'` finds the agent, and not only the script that started it.
  process.title = `hactl agent ${read.config.name} of ${read.config.scope}`
  const clock = systemClock()
  const log = createLog(read.config.log, clock)
  log.info(
    `hactl ${HACTL_VERSION} starts as ${read.config.name} in cluster ${read.config.scope}, pid ${process.pid}`,
  )
  for (const warning of read.open) log.warning(formatProblem(warning))
  const { name, postgresql, stateDirectory } = read.config
  // What two agents on one state directory noted about their data would be taken for the other's.
  const claim = await claimDirectories(postgresql.dataDir, stateDirectory, `${name}, pid ${process.pid}`)
  if (!claim.ok) {
    log.critical(`Can't start; ${claim.why}`)
    await log.flush(1000)
    return 1
  }
  for (const warning of claim.warnings) log.warning(warning)
  const { dir } = read.config.log
  if (dir !== null && (await isOpenToAll(dir)))
    log.warning(
      `log.dir: everybody may write ${dir}, and put a link in the place of the log: chmod o-w ${dir}`,
    )
  await removePrivateFolders(stateDirectory).catch((error: Error) => log.warning(error.message))
  const node = assemble({
    ...start,
    config: read.config,
    values: read.values,
    log,
    clock,
    identity: await identityOf(read.config),
  })
  await firstDynamicConfiguration(read.config, node.dynamic, log)
  const loss = await findLoss(read.config, node.dynamic, node.postgres, log)
  if (loss !== null) {
    log.critical(`Can't start; ${loss}`)
    await takeDown(node)
    await log.flush(1000)
    return EXIT_USAGE
  }
  const stopListening = listenToSignals({
    onStop: signal => node.requestStop(signal),
    onReload: () => node.requestReload(),
  })
  const ended = await node.loop.run()
  if (ended.code === 0) log.info(ended.why)
  else log.critical(ended.why)
  await takeDown(node)
  stopListening()
  await log.flush(1000)
  return ended.code
}

async function identityOf({ stateDirectory, restapi }: AgentConfig): Promise<Identity> {
  const [host, apiIsHere] = await Promise.all([
    hostIdentity(stateDirectory),
    isOwnAddress(restapi.connectAddress.host),
  ])
  return { host, apiIsHere }
}

/** Each step is independent and has a limit: none may keep the process from ending (spec/ha.md 8.B30). */
async function takeDown(node: Node): Promise<void> {
  const steps = [
    () => node.rest.stop(),
    async () => node.vitals.close(),
    () => node.cancelWork(),
    () => node.postgres.close(),
    () => node.journal.close(),
    () => node.store.close(),
    () => node.fencer.close(),
  ]
  for (const step of steps) {
    const limit = node.clock.sleep(SHUTDOWN_LIMIT_MS)
    await Promise.race([step().catch((error: unknown) => node.log.warning(`shutdown: ${error}`)), limit])
  }
}
