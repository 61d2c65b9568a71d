// The notes of model/server/origins.ts on disk: in the state directory, and once more in the data directory for a node
// that loses the first. They bear the node's name: a base backup or pg_rewind may carry those of one node to another.

import { mkdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorText } from '../../model/error-text.ts'
import type { Origin, Origins } from '../../model/server/origins.ts'
import { formatLsn, type MemberName, type Millis, parseLsn } from '../../model/units.ts'
import { type Clock, inTime } from '../../ports/clock.ts'
import type { StepOutcome } from '../../ports/postgres.ts'
import { DONE, failed, type Log } from '../context.ts'
import { type FileOwner, replaceFile } from '../settings/durable-file.ts'

interface OriginPlaces {
  readonly dataDir: string
  readonly stateDirectory: string
  readonly name: MemberName
  readonly clock: Pick<Clock, 'sleep'>
  readonly log: Log
}

/** Older notes are dropped: nobody compares with a timeline that was left that long ago. */
const TIMELINES_MAX = 100

/** Null: nothing was noted. Throws when a place cannot be looked into and the others hold nothing. */
export async function readOrigins(places: OriginPlaces): Promise<Origins | null> {
  const found = await Promise.allSettled(pathsOf(places).map(path => readNote(path, places.name)))
  const [first, ...others] = found.flatMap(read =>
    read.status === 'fulfilled' && read.value !== null ? [read.value] : [],
  )
  if (first !== undefined)
    return others.filter(other => other.systemIdentifier === first.systemIdentifier).reduce(merge, first)
  const refused = found.find(read => read.status === 'rejected')
  if (refused !== undefined) throw refused.reason
  return null
}

/**
 * Before PostgreSQL is asked: on the disk when this returns `ok`, file and directory, in one of the places at least.
 */
export function notePromotion(
  places: OriginPlaces,
  systemIdentifier: string,
  asked: NonNullable<Origins['asked']>,
): Promise<StepOutcome> {
  return change(places, systemIdentifier, noted => ({ ...noted, asked }))
}

/** Records the result of a requested promotion. Null: it failed. */
export function noteOrigin(
  places: OriginPlaces,
  systemIdentifier: string,
  origin: Origin | null,
): Promise<StepOutcome> {
  return change(places, systemIdentifier, ({ timelines }) => ({
    systemIdentifier,
    timelines: origin === null ? timelines : withOrigin(timelines, origin),
    asked: null,
  }))
}

/** Removes the notes because the data is another node's now. Throws when one cannot be removed. */
export async function forgetOrigins(places: OriginPlaces): Promise<void> {
  for (const path of pathsOf(places)) await rm(path, { force: true })
}

async function change(
  places: OriginPlaces,
  systemIdentifier: string,
  by: (noted: Origins) => Origins,
): Promise<StepOutcome> {
  const { clock } = places
  const reading = readOrigins(places).catch(() => null)
  const before = await inTime(reading, LIMIT_MS, clock, () => null)
  const own = before?.systemIdentifier === systemIdentifier ? before : null
  const text = serialise(by(own ?? { systemIdentifier, timelines: [], asked: null }), places.name)
  const [inState = '', inData = ''] = pathsOf(places)
  const wrote = await writeSomewhere(clock, [
    oneAtATime(inState, () => writeState(places, text)),
    oneAtATime(inData, async () => {
      const { uid, gid } = await stat(places.dataDir)
      await write(inData, text, { uid, gid })
    }),
  ])
  const refused = wrote.filter(why => why !== null)
  if (refused.length === wrote.length)
    return failed(`the promotions of this node cannot be noted: ${refused.join('; ')}`)
  for (const why of refused)
    places.log('warning', `the promotions of this node are noted in one place only: ${why}`)
  return DONE
}

/** Neither a promotion nor a beat waits for a disk that hangs when the other one has the note. */
const SECOND_PLACE_LIMIT_MS: Millis = 500
const LIMIT_MS: Millis = 3000

/** For each write null when it was done, or why it was not, or not yet. */
async function writeSomewhere(
  clock: OriginPlaces['clock'],
  writes: readonly Promise<void>[],
): Promise<readonly (string | null)[]> {
  const ends: (string | null)[] = writes.map(() => 'it has not come back yet')
  const all = Promise.all(
    writes.map(async (each, index) => {
      const end = await each.then(
        () => null,
        (error: unknown) => errorText(error),
      )
      ends[index] = end
    }),
  )
  const first = Promise.any(writes).catch(() => undefined)
  await inTime(first, LIMIT_MS, clock, () => undefined)
  await inTime<unknown>(all, ends.includes(null) ? SECOND_PLACE_LIMIT_MS : 0, clock, () => undefined)
  return [...ends]
}

/** Writes that have not come back, by path: a disk that hangs keeps a thread for each. */
const pending = new Map<string, Promise<void>>()

async function oneAtATime(path: string, work: () => Promise<void>): Promise<void> {
  if (pending.has(path)) throw new Error(`${path}: an earlier write has not come back`)
  const writing = work().finally(() => pending.delete(path))
  pending.set(path, writing)
  await writing
}

async function writeState(places: OriginPlaces, text: string): Promise<void> {
  await mkdir(places.stateDirectory, { recursive: true, mode: 0o700 })
  await write(pathsOf(places)[0] ?? '', text, null)
}

async function write(path: string, text: string, owner: FileOwner | null): Promise<void> {
  await replaceFile(path, text, { mode: 0o600, owner })
}

function pathsOf({ dataDir, stateDirectory }: OriginPlaces): readonly string[] {
  return [join(stateDirectory, 'timelines.json'), join(dataDir, 'hactl.timelines.json')]
}

function withOrigin(timelines: readonly Origin[], origin: Origin): readonly Origin[] {
  return [...timelines.filter(({ timeline }) => timeline !== origin.timeline), origin]
    .sort((a, b) => a.timeline - b.timeline)
    .slice(-TIMELINES_MAX)
}

/** The first note about a timeline counts. */
function merge(first: Origins, second: Origins): Origins {
  const missing = second.timelines.filter(
    ({ timeline }) => !first.timelines.some(own => own.timeline === timeline),
  )
  return {
    ...first,
    timelines: missing.reduce(withOrigin, first.timelines),
    asked: first.asked ?? second.asked,
  }
}

function serialise({ systemIdentifier, timelines, asked }: Origins, name: MemberName): string {
  const document = {
    name,
    system_identifier: systemIdentifier,
    timelines: timelines.map(({ timeline, at, by }) => ({ timeline, began_at: formatLsn(at), by })),
    ...(asked === null ? {} : { promotion_asked: { from: asked.from, at: formatLsn(asked.at) } }),
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

/** Null: there is none, or it is another node's. A file that cannot be parsed is an error: it may have been a note. */
async function readNote(path: string, name: MemberName): Promise<Origins | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw error
  })
  if (text === null) return null
  const note = JSON.parse(text) as Record<string, unknown>
  if (note.name !== name) return null
  const asked = note.promotion_asked as Record<string, unknown> | undefined
  return {
    systemIdentifier: String(note.system_identifier),
    timelines: (note.timelines as Record<string, unknown>[]).map(({ timeline, began_at, by }) => ({
      timeline: Number(timeline),
      at: position(began_at, path),
      by: String(by),
    })),
    asked:
      asked === undefined
        ? null
        : { from: asked.from === null ? null : Number(asked.from), at: position(asked.at, path) },
  }
}

function position(value: unknown, path: string) {
  const lsn = parseLsn(String(value))
  if (lsn === null) throw new Error(`${path} holds no position but ${JSON.stringify(value)}`)
  return lsn
}
