// A bootstrap whose agent was killed half way leaves a data directory that looks like a primary's: perhaps half of
// initdb's work, perhaps all of it without the roles that the others need. A mark (marks.ts) says so until all is done.

import { clearMark, type Places, setMark } from './marks.ts'

/** Throws when the mark cannot be written: then the bootstrap must not begin. */
export function markBootstrap(places: Places): Promise<void> {
  return setMark(places, 'bootstrap-unfinished', 'the creation of a new cluster began and did not finish')
}

export function unmarkBootstrap(places: Places): Promise<void> {
  return clearMark(places, 'bootstrap-unfinished')
}
