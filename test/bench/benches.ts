// The benchmarks by name, each with its budget, and how the two programs' figures become lines.

import { errorText } from '../../src/model/error-text.ts'
import type { Program } from '../cluster/harness/mixed.ts'
import { type Footprint, footprint } from './footprint.ts'
import { agentLoss, nodeLosses, postgresKills, switchovers, type TwoWriters } from './outages.ts'
import { type Cell, type Line, median, text, values, within } from './results.ts'
import { defaults, retime, type Side, startSide, type Timing } from './side.ts'
import { healthChecks, listTimes } from './speed.ts'

/** A side whose cluster a failed benchmark left in an unknown state is replaced by a new one. */
export type Pair = { -readonly [program in Program]: Side }

export interface Bench {
  readonly name: string
  readonly run: (pair: Pair) => Promise<readonly Line[]>
}

/** ttl 20 is Patroni's minimum. */
const short: Timing = { ttl: 20, loop_wait: 10, retry_timeout: 5 }
/** Below what Patroni accepts. */
const five: Timing = { ttl: 5, loop_wait: 1, retry_timeout: 2 }
const holdMs = 35_000

type Measured<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string }

export const benches: readonly Bench[] = [
  bench('rest', defaults, 'side by side', side => footprint(side, 60_000), restLines),
  bench(
    'list',
    defaults,
    'in turn',
    side => listTimes(side, 10),
    (hactl, patroni) => {
      const ratio = hactl.ok && patroni.ok ? median(hactl.value) / median(patroni.value) : Number.NaN
      const share = Number.isNaN(ratio) ? '' : `, ${ratio.toFixed(2)} of it`
      return [
        {
          what: `\`list\` as a whole process${share}`,
          budget: '≤ 0.3 of `patronictl list`',
          hactl: cell('ms', hactl),
          patroni: cell('ms', patroni),
          met: Number.isNaN(ratio) ? null : ratio <= 0.3,
        },
      ]
    },
  ),
  bench(
    'health',
    defaults,
    'in turn',
    side => healthChecks(side, 8),
    (hactl, patroni) => {
      const perSecond = pick(hactl, ({ perSecond }) => [perSecond])
      const p99 = pick(hactl, ({ p99Ms }) => [p99Ms])
      return [
        {
          what: 'GET /primary, 32 connections, one wrk thread on the same cores',
          budget: '≥ 8000/s',
          hactl: cell('/s', perSecond),
          patroni: cell(
            '/s',
            pick(patroni, ({ perSecond }) => [perSecond]),
          ),
          met: hactl.ok ? hactl.value.perSecond >= 8000 : null,
        },
        {
          what: 'the same: p99',
          budget: '< 10 ms',
          hactl: cell('ms', p99),
          patroni: cell(
            'ms',
            pick(patroni, ({ p99Ms }) => [p99Ms]),
          ),
          met: hactl.ok ? hactl.value.p99Ms < 10 : null,
        },
      ]
    },
  ),
  bench('switchover', defaults, 'in turn', side => switchovers(side, 5), gapLine('switchover', 0.7)),
  bench(
    'postgres',
    defaults,
    'in turn',
    side => postgresKills(side, 3),
    gapLine("kill -9 of the primary's PostgreSQL, agent alive", 1.5),
  ),
  bench(
    'node30',
    defaults,
    'side by side',
    side => nodeLosses(side, 1),
    gapLine("loss of the primary's node, ttl 30", 31),
  ),
  bench(
    'node20',
    short,
    'side by side',
    side => nodeLosses(side, 2),
    gapLine("loss of the primary's node, ttl 20", 21),
  ),
  bench(
    'agent-kill',
    short,
    'side by side',
    side => agentLoss(side, 'SIGKILL', holdMs),
    twoWriterLines('kill -9'),
  ),
  bench(
    'agent-stop',
    short,
    'side by side',
    side => agentLoss(side, 'SIGSTOP', holdMs),
    twoWriterLines('SIGSTOP'),
  ),
  {
    name: 'node5',
    run: async pair => {
      const hactl = cell('s', await measure(pair, 'hactl', five, side => nodeLosses(side, 3)))
      const patroni = text('not possible: ttl ≥ 20')
      return [
        {
          what: "loss of the primary's node, ttl 5: longest gap between two acknowledged writes",
          budget: '≤ 6 s',
          hactl,
          patroni,
          met: within(hactl, 6),
        },
      ]
    },
  },
]

function bench<T>(
  name: string,
  timing: Timing,
  order: 'in turn' | 'side by side',
  work: (side: Side) => Promise<T>,
  lines: (hactl: Measured<T>, patroni: Measured<T>) => readonly Line[],
): Bench {
  return {
    name,
    async run(pair) {
      const one = (program: Program) => measure(pair, program, timing, work)
      if (order === 'side by side') {
        const [hactl, patroni] = await Promise.all([one('hactl'), one('patroni')])
        return lines(hactl, patroni)
      }
      const hactl = await one('hactl')
      return lines(hactl, await one('patroni'))
    },
  }
}

const timings = new WeakMap<Side, Timing>()

async function measure<T>(
  pair: Pair,
  program: Program,
  timing: Timing,
  work: (side: Side) => Promise<T>,
): Promise<Measured<T>> {
  try {
    const side = pair[program]
    if ((timings.get(side) ?? defaults) !== timing) await retime(side, timing)
    timings.set(side, timing)
    return { ok: true, value: await work(side) }
  } catch (error) {
    const why = errorText(error)
    console.error(`${program}: ${why}`)
    await pair[program].cluster.stage.close()
    pair[program] = await startSide(program)
    return { ok: false, why: why.split('\n', 1)[0]?.slice(0, 120) ?? why }
  }
}

function cell(unit: string, measured: Measured<readonly number[]>): Cell {
  return measured.ok ? values(unit, measured.value) : text(`failed: ${measured.why.replaceAll('|', '/')}`)
}

function pick<T>(measured: Measured<T>, numbers: (of: T) => readonly number[]): Measured<readonly number[]> {
  return measured.ok ? { ok: true, value: numbers(measured.value) } : measured
}

function gapLine(what: string, limitS: number) {
  return (hactl: Measured<readonly number[]>, patroni: Measured<readonly number[]>): readonly Line[] => {
    const ours = cell('s', hactl)
    return [
      {
        what: `${what}: longest gap between two acknowledged writes`,
        budget: `≤ ${limitS} s`,
        hactl: ours,
        patroni: cell('s', patroni),
        met: within(ours, limitS),
      },
    ]
  }
}

function twoWriterLines(how: string) {
  return (hactl: Measured<TwoWriters>, patroni: Measured<TwoWriters>): readonly Line[] => {
    const line = (
      what: string,
      budget: string,
      unit: string,
      limit: number,
      of: (found: TwoWriters) => number,
    ) => {
      const ours = cell(
        unit,
        pick(hactl, found => [of(found)]),
      )
      const theirs = cell(
        unit,
        pick(patroni, found => [of(found)]),
      )
      const met = within(ours, limit)
      return {
        what: `${how} of the leader's agent for 35 s, ttl 20: ${what}`,
        budget,
        hactl: ours,
        patroni: theirs,
        met,
      }
    }
    return [
      line('time with two writers', '0 s', 's', 0, found => found.seconds),
      line('acknowledged rows lost', '0', 'rows', 0, found => found.lost),
      line('longest time without a writer', '≤ 21 s', 's', 21, found => found.gap),
    ]
  }
}

function restLines(hactl: Measured<Footprint>, patroni: Measured<Footprint>): readonly Line[] {
  const line = (
    what: string,
    budget: string,
    unit: string,
    limit: number | null,
    of: (found: Footprint) => readonly number[],
  ): Line => {
    const ours = cell(unit, pick(hactl, of))
    return {
      what,
      budget,
      hactl: ours,
      patroni: cell(unit, pick(patroni, of)),
      met: limit === null ? 'no budget' : within(ours, limit),
    }
  }
  return [
    line(
      'agent at rest, each of three nodes: processor',
      '≤ 0.2 % of a core',
      '%',
      0.2,
      found => found.cpuPercent,
    ),
    line('the same: resident memory', '≤ 80 MB', 'MB', 80, found => found.residentMb),
    line('the same: proportional memory (PSS)', '', 'MB', null, found => found.proportionalMb),
    line('etcd messages a minute, three nodes, loop_wait 10', '≤ 40', '/min', 40, found => [found.messages]),
    line('the same: calls started', '≤ 40', '/min', 40, found => [found.calls]),
  ]
}
