// A rewind that was killed half way leaves a mixture of two histories that looks like a clean data directory. A mark
// (marks.ts) says so until the rewind or a new copy succeeded.

import { clearMark, findMark, type Places, setMark } from './marks.ts'

/** Throws when the mark cannot be written: then the rewind must not begin. */
export function markRewind(places: Places): Promise<void> {
  return setMark(
    places,
    'rewind-unfinished',
    'pg_rewind began to change the data directory and did not finish',
  )
}

export function unmarkRewind(places: Places): Promise<void> {
  return clearMark(places, 'rewind-unfinished')
}

/** Why the data directory cannot be trusted; null: no rewind was broken off. Throws when we cannot look. */
export async function unfinishedRewind(places: Places): Promise<string | null> {
  const path = await findMark(places, 'rewind-unfinished')
  return path === null ? null : `a rewind was broken off, the data directory needs a new copy (${path})`
}
