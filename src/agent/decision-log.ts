// Which decisions are logged: news once, states that last or return at growing intervals with a count, and a heartbeat.
// This is the only place where a decision becomes text. The log level belongs to the rule.

import type { AgentLog } from '../journal/log.ts'
import type { LogLevel } from '../model/decision/decision.ts'
import type { BootMillis, Millis } from '../model/units.ts'
import type { Journal, JournalEntry } from '../ports/journal.ts'
import type { Log } from '../ports/log.ts'
import type { DecisionEntry } from './beat.ts'

/** How often a steady node logs that it is: log shippers use the line as a heartbeat. */
const HEARTBEAT_MS: Millis = 60_000
/** A warning that lasts is logged again after this, then after twice as long, and so on. */
const AGAIN_FIRST_MS: Millis = 30_000
const AGAIN_LAST_MS: Millis = 1_800_000
/** After this much rest a story is over, and the next lines are logged from its beginning. */
const REST_MS: Millis = 10_000
/** Reasons may quote any text, so nothing else limits their number. */
const KNOWN_MAX = 200

const LOUDNESS: readonly LogLevel[] = ['info', 'warning', 'error']

interface Told {
  readonly sinceMs: BootMillis
  /** How often it came up; consecutive beats count once. */
  readonly times: number
  readonly atMs: BootMillis
  readonly againAfterMs: Millis
  readonly level: LogLevel
}

type DecisionLines = Log & Pick<AgentLog, 'heartbeat'>

export function createDecisionLog(log: DecisionLines, journal: Journal): (entry: DecisionEntry) => void {
  const stories = createStories()
  const beats = createBeats()
  let lastAtMs = Number.NEGATIVE_INFINITY
  return entry => {
    const { snapshot, decision } = entry
    const { nowMs } = snapshot
    for (const { id, level, text: what } of decision.news ?? []) log[level](`${id}: ${what}`)
    const text = `${decision.rule}: ${decision.reason}`
    const key = withoutMeasures(text)
    const goesOn = beats.goesOn(entry, key)
    const said = stories.next(entry, key, goesOn)
    const isDue = nowMs - lastAtMs >= HEARTBEAT_MS && decision.next === 'settled'
    if (said.level !== null || isDue) {
      const isHeartbeat = said.level === null && decision.log === 'rest'
      log[isHeartbeat ? 'heartbeat' : (said.level ?? 'info')](withCount(text, counted(text, said, nowMs)))
      lastAtMs = nowMs
    }
    const isNews = (!goesOn && decision.log !== 'pulse') || decision.news !== undefined
    if (said.level !== null || isDue || isNews) journal.append(toEntry(entry))
  }
}

/** The same was decided in this beat or the one before. */
function createBeats(): { readonly goesOn: (entry: DecisionEntry, key: string) => boolean } {
  let previous: ReadonlySet<string> = new Set()
  let current = new Set<string>()
  return {
    goesOn({ step }, key) {
      if (step === 0) {
        previous = current
        current = new Set()
      }
      const isKnown = previous.has(key) || current.has(key)
      current.add(key)
      return isKnown
    },
  }
}

interface Said {
  /** null: not now. */
  readonly level: LogLevel | null
  readonly times: number
  readonly sinceMs: BootMillis
}

/** The lines logged since the node was last at rest for a while. */
function createStories(): {
  readonly next: (entry: DecisionEntry, key: string, goesOn: boolean) => Said
} {
  const known = new Map<string, Told>()
  let restsSinceMs: BootMillis | null = null
  let saidRest: string | null = null

  /** "All is well" is logged again after another line, or with another reason. */
  function rest(key: string, nowMs: BootMillis): Said {
    restsSinceMs ??= nowMs
    const level = saidRest === key ? null : 'info'
    saidRest = key
    return { level, times: 1, sinceMs: nowMs }
  }

  function story(level: LogLevel, key: string, nowMs: BootMillis, isEvent: boolean, goesOn: boolean): Said {
    const told = known.get(key)
    const times = (told?.times ?? 0) + (goesOn && told !== undefined ? 0 : 1)
    const sinceMs = told?.sinceMs ?? nowMs
    const isNew = told === undefined || LOUDNESS.indexOf(level) > LOUDNESS.indexOf(told.level)
    const isDue = told !== undefined && level !== 'info' && nowMs - told.atMs >= told.againAfterMs
    const isSaid = isNew || isDue || (isEvent && !goesOn)
    if (known.size >= KNOWN_MAX) known.clear()
    known.set(key, {
      sinceMs,
      times,
      atMs: isSaid || told === undefined ? nowMs : told.atMs,
      againAfterMs: isDue
        ? Math.min(2 * told.againAfterMs, AGAIN_LAST_MS)
        : (told?.againAfterMs ?? AGAIN_FIRST_MS),
      level,
    })
    return { level: isSaid ? level : null, times, sinceMs }
  }

  return {
    next({ snapshot: { nowMs }, decision }, key, goesOn) {
      if (decision.log === 'pulse') return { level: null, times: 1, sinceMs: nowMs }
      const level = decision.level ?? 'info'
      if (decision.log === 'rest' && level === 'info') return rest(key, nowMs)
      if (restsSinceMs !== null && nowMs - restsSinceMs >= REST_MS) known.clear()
      restsSinceMs = null
      const isEvent = decision.log === 'event' || (level === 'error' && decision.actions.length > 0)
      const said = story(level, key, nowMs, isEvent, goesOn)
      if (said.level !== null) saidRest = null
      return said
    },
  }
}

/** The hint stays at the end. */
function withCount(text: string, count: string): string {
  const hint = text.indexOf('. HINT: ')
  return hint < 0 ? text + count : text.slice(0, hint) + count + text.slice(hint)
}

function counted(text: string, { times, sinceMs }: Said, nowMs: BootMillis): string {
  const seconds = Math.round((nowMs - sinceMs) / 1000)
  if (times > 1) return ` (${times} times in ${seconds} s)`
  return seconds === 0 || /\bfor \d+(?:\.\d+)? s\b/.test(text) ? '' : ` (for ${seconds} s)`
}

/** Durations, sizes, positions, times and process ids change with every beat; a change of them alone is no news. */
function withoutMeasures(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?/g, '#')
    .replace(/\b[0-9A-F]{1,8}\/[0-9A-F]{1,8}\b/g, '#')
    .replace(/(?<![\w.-])\d+(?:\.\d+)?(?= (?:s|ms|seconds|bytes|kB|MB)\b)/g, '#')
    .replace(/(?<![\w.:-])\d{3,}\b/g, '#')
}

function toEntry({ snapshot, decision, cause, step }: DecisionEntry): JournalEntry {
  const { rule, reason, considered, actions, memory, news } = decision
  return {
    at: new Date(snapshot.wallMs).toISOString(),
    bootMs: snapshot.nowMs,
    member: snapshot.self.name,
    rule,
    reason,
    considered,
    actions,
    outcomes: snapshot.outcomes,
    cause,
    step,
    snapshot,
    memory,
    ...(news === undefined ? {} : { news }),
  }
}
