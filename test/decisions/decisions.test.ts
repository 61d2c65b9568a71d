// Each case of the decision files: what a node sees, and what it must decide. HACTL_REWRITE=1 writes today's decisions
// into the files; commit such a change only if you can explain each line of it.

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decide } from '../../src/decide/decide.ts'
import { violations } from '../../src/decide/invariants.ts'
import { chapters } from '../../src/decide/rule-book.ts'
import { answerOf, type Case, parseFile, questionOf, rewriteFile, ruleOf } from './notation/case-file.ts'

const here = import.meta.dirname
const RULE_BOOK = 'rule-book.txt'
const rewriting = process.env.HACTL_REWRITE === '1'
const rules = chapters().flatMap(chapter => chapter.rules)
const ruleIds = rules.map(({ id }) => id)
const printedRules = chapters()
  .map(({ situation, is, rules }) => {
    const lines = rules.map(
      ({ id, why, level }) => `${id}${level === undefined ? '' : ` [${level}]`}: ${why}`,
    )
    return `# ${situation}: ${is}\n${lines.join('\n')}\n`
  })
  .join('\n')

const names = (await readdir(here)).filter(name => name.endsWith('.txt') && name !== RULE_BOOK).sort()
const files: readonly (readonly [name: string, cases: readonly Case[]])[] = await Promise.all(
  names.map(async name => {
    if (rewriting) await rewriteFile(join(here, name))
    return [name, parseFile(name, await readFile(join(here, name), 'utf8'))] as const
  }),
)

describe.each(files)('%s', (_name, cases) => {
  test.each(cases.map(each => [`${each.line}: ${each.prose}`, each] as const))('%s', (_title, asked) => {
    const { snap, memory } = questionOf(asked)
    expect(violations(snap, decide(snap, memory))).toEqual([])
    expect(answerOf(asked)).toBe(asked.expected)
  })
})

describe('the rule book', () => {
  test('is what stands in rule-book.txt', async () => {
    const path = join(here, RULE_BOOK)
    if (rewriting) await writeFile(path, printedRules)
    expect(await readFile(path, 'utf8')).toBe(printedRules)
  })
  test('has a case for each rule', () => {
    const covered = new Set(files.flatMap(([, cases]) => cases.map(ruleOf)))
    expect(ruleIds.filter(id => !covered.has(id))).toEqual([])
  })
  test('has each rule once and says why', () => {
    expect(ruleIds.filter((id, index) => ruleIds.indexOf(id) !== index)).toEqual([])
    expect(rules.filter(({ why }) => why.trim() === '')).toEqual([])
  })
  // `hactl agent --rules` prints them as they are; where a fact comes from is said in a comment beside the rule.
  test('says it to a person: one clause, without a citation, a file name or an end', () => {
    const problems = rules.filter(({ why }) =>
      /\.md\b|spec\/|src\/|\bissue \d|\.$|^[A-Z][a-z]+ |\s{2}|\n/.test(why),
    )
    expect(problems).toEqual([])
  })
})

describe('the notation', () => {
  const read = (given: string) => parseFile('x.txt', `# Prose.\n${given}\n----\n`).map(questionOf)

  test.each([
    ['look as pg2\n  etcd leader pg1, nonsense', 'x.txt:3: "etcd" does not know the clause "nonsense"'],
    ['look as pg2\n  weather fine', 'x.txt:3: no such line: weather fine'],
    ['look as pg2\n  lease 25x left', 'x.txt:3: not a duration: 25x'],
    ['look as pg2\n  postgres running standby, lsn 5', 'x.txt:3: not a position: 5'],
  ])('does not guess: %j', (given, problem) => {
    expect(() => read(given)).toThrow(problem)
  })
  test('wants prose and an end of the situation', () => {
    expect(() => parseFile('x.txt', 'look as pg1\n----\n')).toThrow('say above the case what it shows')
    expect(() => parseFile('x.txt', '# Prose.\nlook as pg1\n')).toThrow('is missing')
  })
})
