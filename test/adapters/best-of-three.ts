// Short times on a machine that other tests share: one pause of a process must not fail a promise that is kept.

/** The first of up to three measurements that is below `limitMs`, else the shortest of them. */
export async function bestOfThree(limitMs: number, measure: () => Promise<number>): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < 3 && best >= limitMs; tries++) best = Math.min(best, await measure())
  return best
}
