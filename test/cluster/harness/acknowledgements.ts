// What a writer was told by PostgreSQL, and what follows from it: how long nobody accepted writes, whether two servers
// accepted them at once, and which acknowledged rows a server does not have.

export interface Acknowledgement {
  readonly row: number
  /** CLOCK_MONOTONIC milliseconds at which the writer sent the insert, and at which it was told that it is committed. */
  readonly sentMs: number
  readonly acknowledgedMs: number
  /** Address of the server; null over a unix socket. */
  readonly server: string | null
  readonly timeline: number
  /** Wall clock of the server while it ran the insert, milliseconds: one machine, one clock. */
  readonly executedMs: number
}

/** Begins the note of an attempt that was given up: that may be this machine's fault as well as the server's. */
export const NO_ANSWER = 'no answer within'

export interface Summary {
  readonly acknowledged: number
  readonly longestGap: Gap
  /** In the order in which the servers ran the inserts; a server that lost and regained its role appears twice. */
  readonly reigns: readonly Reign[]
  readonly twoWriters: readonly TwoWriters[]
}

/** Time without an acknowledgement. */
export interface Gap {
  readonly fromMs: number
  readonly toMs: number
  readonly ms: number
}

export interface Reign {
  readonly server: string | null
  readonly timeline: number
  readonly firstMs: number
  readonly lastMs: number
  readonly acknowledged: number
}

/** An insert on an old timeline that ran after one on a newer timeline had run: two primaries at once. */
export interface TwoWriters {
  readonly old: Acknowledgement
  readonly newer: Acknowledgement
}

/** One JSON object a line; a last line that was cut off by a kill is left out. */
export function parseAcknowledgements(text: string): readonly Acknowledgement[] {
  const complete = text.slice(0, text.lastIndexOf('\n') + 1)
  return complete
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Acknowledgement)
}

export function summarise(acknowledgements: readonly Acknowledgement[]): Summary {
  const sorted = acknowledgements.toSorted((a, b) => a.acknowledgedMs - b.acknowledgedMs)
  return {
    acknowledged: sorted.length,
    longestGap: longestGap(sorted),
    reigns: reignsOf(acknowledgements.toSorted((a, b) => a.executedMs - b.executedMs)),
    twoWriters: findTwoWriters(acknowledgements),
  }
}

/** `sorted` by acknowledgement; without two of them there is no gap. */
export function longestGap(sorted: readonly Acknowledgement[]): Gap {
  let longest: Gap = { fromMs: 0, toMs: 0, ms: 0 }
  for (const [index, { acknowledgedMs: toMs }] of sorted.entries()) {
    const fromMs = sorted[index - 1]?.acknowledgedMs ?? toMs
    if (toMs - fromMs > longest.ms) longest = { fromMs, toMs, ms: toMs - fromMs }
  }
  return longest
}

/** Timelines only grow, so the newest one seen so far, in order of execution, tells who must no longer write. */
export function findTwoWriters(acknowledgements: readonly Acknowledgement[]): readonly TwoWriters[] {
  const found: TwoWriters[] = []
  let newest: Acknowledgement | null = null
  for (const next of acknowledgements.toSorted((a, b) => a.executedMs - b.executedMs)) {
    if (newest !== null && (next.timeline < newest.timeline || splitTimeline(next, newest))) {
      found.push({ old: next, newer: newest })
    } else {
      newest = next
    }
  }
  return found
}

/** Rows that were acknowledged and that the server's list of rows does not have. */
export function missingRows(
  acknowledgements: readonly Acknowledgement[],
  present: ReadonlySet<number>,
): readonly Acknowledgement[] {
  return acknowledgements.filter(({ row }) => !present.has(row))
}

/** Two servers on one timeline: both were promoted to it, or a copy of a primary was started as a primary. */
function splitTimeline(a: Acknowledgement, b: Acknowledgement): boolean {
  return a.timeline === b.timeline && a.server !== b.server
}

/** `sorted` by execution: two writers may read their acknowledgements in any order. */
function reignsOf(sorted: readonly Acknowledgement[]): readonly Reign[] {
  const reigns: Reign[] = []
  for (const { server, timeline, acknowledgedMs } of sorted) {
    const current = reigns.at(-1)
    if (current !== undefined && current.server === server && current.timeline === timeline) {
      reigns[reigns.length - 1] = {
        ...current,
        firstMs: Math.min(current.firstMs, acknowledgedMs),
        lastMs: Math.max(current.lastMs, acknowledgedMs),
        acknowledged: current.acknowledged + 1,
      }
    } else {
      reigns.push({ server, timeline, firstMs: acknowledgedMs, lastMs: acknowledgedMs, acknowledged: 1 })
    }
  }
  return reigns
}
