// One log line whenever the rule or its reason changes, and a heartbeat now and then; the same entries go to the
// journal. The only place where a decision becomes text.

import type { Millis } from '../model/units.ts'
import type { Journal } from '../ports/journal.ts'
import type { Log } from '../ports/log.ts'
import type { DecisionEntry } from './beat.ts'

/** A steady node says so this often: log shippers take the line as a heartbeat. */
const HEARTBEAT_MS: Millis = 60_000

export function createDecisionLog(log: Log, journal: Journal): (entry: DecisionEntry) => void {
  let lastRule = ''
  let lastText = ''
  let lastAtMs = Number.NEGATIVE_INFINITY
  return entry => {
    const { snapshot, decision } = entry
    const text = `${decision.rule}: ${decision.reason}`
    const quiet = decision.rule === lastRule && (text === lastText || isCounting(decision.rule))
    if (quiet && snapshot.nowMs - lastAtMs < HEARTBEAT_MS) return
    if (isRoutine(decision.rule) && snapshot.nowMs - lastAtMs < HEARTBEAT_MS) return
    lastRule = decision.rule
    lastText = text
    lastAtMs = snapshot.nowMs
    log.info(text)
    journal.append({
      at: new Date(snapshot.wallMs).toISOString(),
      bootMs: snapshot.nowMs,
      member: snapshot.self.name,
      rule: decision.rule,
      reason: decision.reason,
      considered: decision.considered,
      actions: decision.actions,
      outcomes: snapshot.outcomes,
      cause: entry.cause,
      step: entry.step,
      snapshot,
      memory: decision.memory,
    })
  }
}

/** Renewals are the pulse, not news; what comes of them is. */
function isRoutine(rule: string): boolean {
  return rule.endsWith('.renew-lease')
}

/** Reasons that count seconds or bytes change with every beat. */
function isCounting(rule: string): boolean {
  return (
    rule.endsWith('.wait') ||
    rule.endsWith('.hold-lease') ||
    rule.startsWith('busy.') ||
    rule.endsWith('.request-waits')
  )
}
