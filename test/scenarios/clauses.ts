// What a scenario may demand at its end, in words.

import { parseTakeovers } from '../../src/wire/own-keys/takeover-record.ts'
import { parseMember } from '../../src/wire/records.ts'
import { absoluteKey } from '../simulation/store/store.ts'
import type { World } from '../simulation/world.ts'

interface Clause {
  readonly pattern: RegExp
  /** What is not so; null: it is so. */
  readonly wrong: (world: World, words: readonly string[]) => string | null
}

const CLAUSES: readonly Clause[] = [
  {
    // Every invariant of the simulation: two writers, no fencer, silent divergence, a bug, and all others.
    pattern: /^nothing forbidden happened$/,
    wrong: ({ checks }) => checks.violations[0] ?? null,
  },
  {
    pattern: /^no acknowledged write lost$/,
    wrong: ({ checks }) => (checks.lost === 0 ? null : `${checks.lost} acknowledged writes were lost`),
  },
  {
    pattern: /^at most (\d+) acknowledged writes lost$/,
    wrong: ({ checks }, [most = '0']) =>
      checks.lost <= Number(most) ? null : `${checks.lost} acknowledged writes were lost`,
  },
  {
    pattern: /^leader (pg\d|nobody)$/,
    wrong: (world, [name = '']) => {
      const leader = world.leaderKey() ?? 'nobody'
      return leader === name ? null : `the leader is ${leader}`
    },
  },
  {
    pattern: /^timeline (\d+)$/,
    wrong: (world, [wanted = '']) => {
      const timeline = world.machine(world.leaderKey() ?? '')?.data?.timeline ?? null
      return timeline === Number(wanted) ? null : `the leader is on timeline ${timeline}`
    },
  },
  {
    pattern: /^(pg\d) reports (.+)$/,
    wrong: (world, [name = '', wanted = '']) => {
      const problem = world.machine(name)?.agent?.problem() ?? 'nobody there'
      return problem === wanted ? null : `${name} reports ${problem}`
    },
  },
  {
    pattern: /^everybody follows$/,
    wrong: world => world.checks.obstacle(),
  },
  {
    // What `hactl list` shows of a standby is what it does.
    pattern: /^list says that (pg\d) streams on timeline (\d+)$/,
    wrong: (world, [name = '', timeline = '']) => {
      const text = world.etcd.get(absoluteKey(`members/${name}`))?.text
      const record = text === undefined ? null : parseMember(text)
      const said = `${record?.replicationState ?? 'not streaming'} on timeline ${record?.timeline}`
      return said === `streaming on timeline ${timeline}` ? null : `${name} is ${said} by its key`
    },
  },
  {
    // `hactl history`, its last line.
    pattern:
      /^history says that (pg\d) took over from (pg\d): ([a-z-]+)(?: by (.+?))? that lost (\d+|unknown) bytes$/,
    wrong: (world, [to, from, cause, by, lost]) => {
      const last = parseTakeovers(world.etcd.get(absoluteKey('hactl/history'))?.text ?? '').at(-1)
      const asked = last?.by == null ? '' : ` by ${last.by}`
      const said = `${last?.to} took over from ${last?.from}: ${last?.cause}${asked} that lost ${last?.lostBytes ?? 'unknown'} bytes`
      const wanted = `${to} took over from ${from}: ${cause}${by === undefined ? '' : ` by ${by}`} that lost ${lost} bytes`
      return said === wanted ? null : `history says that ${said}`
    },
  },
  {
    pattern: /^writes paused at most (\d+(?:\.\d+)?)s$/,
    wrong: ({ checks }, [most = '0']) => {
      const seconds = checks.longestGapMs / 1000
      return seconds <= Number(most) ? null : `no write was acknowledged for ${seconds.toFixed(1)} s`
    },
  },
]

export function failedClause(text: string, world: World): string | null {
  for (const { pattern, wrong } of CLAUSES) {
    const match = pattern.exec(text)
    if (match !== null) return wrong(world, match.slice(1))
  }
  throw new Error(`not understood: ${text}`)
}
