// IDENTIFY_SYSTEM and TIMELINE_HISTORY, spoken as a standby would (simple queries only; spec/postgres.md 13.4).

import { type Lsn, type Millis, parseLsn, type Timeline } from '../../model/units.ts'
import { type HistoryEntry, parseHistory } from '../data/data-directory.ts'
import { type ConnectTarget, type Session, type SqlFailure, withSession } from '../session/connection.ts'

interface SystemIdentity {
  readonly systemIdentifier: string
  readonly timeline: Timeline
  readonly lsn: Lsn
}

type Answer<T> = { readonly ok: true; readonly value: T } | SqlFailure

export function identifySystem(target: ConnectTarget, limitMs: Millis): Promise<Answer<SystemIdentity>> {
  return withSession<Answer<SystemIdentity>>(target, limitMs, identify)
}

/** Who the server is, and the history of its timeline; `[]` on timeline 1. */
export function identifyWithHistory(target: ConnectTarget, limitMs: Millis) {
  return withSession<Answer<SystemIdentity & { readonly history: readonly HistoryEntry[] }>>(
    target,
    limitMs,
    async session => {
      const identity = await identify(session)
      if (!identity.ok) return identity
      const { timeline } = identity.value
      if (timeline <= 1) return { ok: true, value: { ...identity.value, history: [] } }
      const answer = await session.query(`TIMELINE_HISTORY ${timeline}`)
      if (!answer.ok) return answer
      const content = answer.rows[0]?.content
      // Older servers call the column bytea though they send plain text: `pg` then gives a Buffer.
      const text = Buffer.isBuffer(content) ? content.toString('utf8') : String(content ?? '')
      return { ok: true, value: { ...identity.value, history: parseHistory(text) } }
    },
  )
}

async function identify(session: Session): Promise<Answer<SystemIdentity>> {
  const answer = await session.query('IDENTIFY_SYSTEM')
  if (!answer.ok) return answer
  const row = answer.rows[0]
  const lsn = parseLsn(String(row?.xlogpos ?? ''))
  const timeline = Number(row?.timeline)
  if (lsn === null || !Number.isInteger(timeline)) {
    return {
      ok: false,
      kind: 'statement',
      connected: true,
      code: '',
      why: 'IDENTIFY_SYSTEM gave no position',
    }
  }
  return { ok: true, value: { systemIdentifier: String(row?.systemid), timeline, lsn } }
}
