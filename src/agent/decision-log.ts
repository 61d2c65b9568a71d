// One log line whenever the rule or its reason changes, and a heartbeat now and then; the same entries go to the
// journal. The only place where a decision becomes text.

import type { Millis } from '../model/units.ts'
import type { Journal, JournalEntry } from '../ports/journal.ts'
import type { Log } from '../ports/log.ts'
import type { DecisionEntry } from './beat.ts'

/** A steady node says so this often: log shippers take the line as a heartbeat. */
const HEARTBEAT_MS: Millis = 60_000

export function createDecisionLog(log: Log, journal: Journal): (entry: DecisionEntry) => void {
  let previousBeat: ReadonlySet<string> = new Set()
  let thisBeat = new Set<string>()
  const lastText = new Map<string, string>()
  let lastAtMs = Number.NEGATIVE_INFINITY

  function isNews({ snapshot, decision, step }: DecisionEntry, text: string): boolean {
    if (step === 0) {
      previousBeat = thisBeat
      thisBeat = new Set()
    }
    thisBeat.add(decision.rule)
    if (snapshot.nowMs - lastAtMs >= HEARTBEAT_MS && decision.next === 'settled') return true
    if (isRoutine(decision.rule)) return false
    if (!previousBeat.has(decision.rule)) return true
    return lastText.get(decision.rule) !== text && !isCounting(decision.rule)
  }

  return entry => {
    const { snapshot, decision } = entry
    const text = `${decision.rule}: ${decision.reason}`
    const news = isNews(entry, text)
    if (!news) return
    const isToldAgain = lastText.get(decision.rule) === text
    lastText.set(decision.rule, text)
    lastAtMs = snapshot.nowMs
    if (decision.level === 'warning' && !isToldAgain) log.warning(text)
    else log.info(text)
    journal.append(toEntry(entry))
  }
}

function toEntry({ snapshot, decision, cause, step }: DecisionEntry): JournalEntry {
  const { rule, reason, considered, actions, memory } = decision
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
  }
}

/** Renewals are the pulse, not news; what comes of them is. */
function isRoutine(rule: string): boolean {
  return rule.endsWith('.renew-lease')
}

/** Reasons that count seconds or bytes change with every beat. */
function isCounting(rule: string): boolean {
  return (
    ['busy.', 'blind.', 'race.', 'starting.'].some(prefix => rule.startsWith(prefix)) ||
    /\.(wait|hold-lease|request-waits|unfenced$)/.test(rule)
  )
}
