// Reasons that are Patroni's own texts on purpose, because existing alerts match on them: all of them are in the table of
// docs/spec/ha.md 9.1, with the rules that say them. What the table has is said as it is, and what is said in Patroni's
// voice is in the table.

import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { top } from '../tidy/source.ts'
import { parseFile, ruleOf } from './notation/case-file.ts'

interface Said {
  readonly rule: string
  readonly reason: string
}

interface Kept {
  readonly text: string
  readonly rules: readonly string[]
}

/** Words in which Patroni speaks, and hactl does not. */
const PATRONIS =
  /\bmyself\b|\bself\b|\block\b|\bI am\b|\bi am\b|\bMy\b|healthiest|heart ?beat|\bDCS\b|\bpostgres is\b/

let said: readonly Said[] = []
let kept: readonly Kept[] = []

beforeAll(async () => {
  kept = textsOf(await readFile(join(top, 'docs/spec/ha.md'), 'utf8'))
  const names = (await readdir(import.meta.dirname)).filter(name => name.endsWith('.txt'))
  const files = await Promise.all(
    names.map(async name => parseFile(name, await readFile(join(import.meta.dirname, name), 'utf8'))),
  )
  said = files.flat().map(asked => ({
    rule: ruleOf(asked),
    reason: (asked.expected.split('\n')[0] ?? '').replace(`${ruleOf(asked)}: `, ''),
  }))
})

function textsOf(markdown: string): readonly Kept[] {
  const [, section = ''] = markdown.split('\n### 9.1 ')
  const [own = ''] = section.split('\n### ')
  return [...own.matchAll(/^\| `(.+)` \| (.+) \|$/gm)].map(([, text = '', rules = '']) => ({
    text,
    rules: rules.split(', '),
  }))
}

/** Names are written in capitals; what hactl adds begins with a punctuation mark, or at least a blank. */
function begins(reason: string, text: string): boolean {
  const pattern = text
    .replaceAll(/[.()]/g, String.raw`\$&`)
    .replaceAll(/\bNAME\b|\bLEADER\b|\bMEMBER\b/g, String.raw`\S+?`)
    .replaceAll(/\bWORK\b/g, String.raw`[\w-]+(?: \([^)]*\))?`)
  return new RegExp(String.raw`^(?:PAUSE: )?${pattern}(?=$|[\s,.:;(])`).test(reason)
}

test('each text is said by each of its rules, as it is', () => {
  expect(kept.length).toBeGreaterThan(20)
  const missing = kept.flatMap(({ text, rules }) =>
    rules
      .filter(rule => !said.some(each => each.rule === rule && begins(each.reason, text)))
      .map(rule => `${rule} never says: ${text}`),
  )
  expect(missing).toEqual([])
})

test('a rule that says one is named beside it', () => {
  const unnamed = said.filter(({ rule, reason }) => {
    const longest = kept
      .filter(({ text }) => begins(reason, text))
      .sort((a, b) => b.text.length - a.text.length)[0]
    return longest !== undefined && !longest.rules.includes(rule)
  })
  expect(unnamed).toEqual([])
})

test("nothing else is said in Patroni's voice", () => {
  const others = said.filter(
    ({ reason }) => PATRONIS.test(reason) && !kept.some(({ text }) => begins(reason, text)),
  )
  expect(others).toEqual([])
})
