// Values typed without quotes that YAML reads as something else: refused or warned of, with the line, and never shown.

import { expect, test } from 'vitest'
import { formatProblem } from '../../src/model/settings/problem.ts'
import { readText } from './sample.ts'

const HEAD = 'restapi: {listen: 10.0.0.1:8008}\netcd3: {hosts: 10.0.0.9:2379}\nscope: batman\nname: pg1\n'
const TAIL =
  '      username: postgres\n    replication: {username: r, password: p}\n  listen: 10.0.0.1:5432\n  data_dir: /d\n'

async function withPassword(typed: string): Promise<readonly string[]> {
  const text = `${HEAD}postgresql:\n  authentication:\n    superuser:\n      password: ${typed}\n${TAIL}`
  const result = await readText(text)
  const problems = result.ok ? result.warnings : result.errors
  return problems.map(problem => `${result.ok ? 'warned' : 'refused'} ${formatProblem(problem)}`)
}

test.each([
  ['!qwe123', 'refused', 'begins with !, which YAML reads as a tag'],
  ['#qwe123', 'warned', 'has no value: YAML reads what begins with # as a comment'],
  ['&qwe123', 'warned', 'has no value'],
  ['~', 'warned', 'has no value'],
  ['null', 'warned', 'has no value'],
  ['qwe123 #qwe123', 'warned', 'is cut off: YAML reads what follows the # as a comment'],
  ['*qwe123', 'refused', 'begins with *, which YAML reads as an alias'],
  ['@qwe123', 'refused', 'a value begins with a character that YAML reserves'],
  ['`qwe123', 'refused', 'a value begins with a character that YAML reserves'],
  ['%qwe123', 'refused', 'a value begins with a character that YAML reserves'],
  ['|qwe123', 'refused', 'a value begins with | or >'],
  ['>qwe123', 'refused', 'a value begins with | or >'],
  ['"qwe123', 'refused', 'a quote is not closed'],
  ["'qwe123", 'refused', 'a quote is not closed'],
  ['"qwe\\q123"', 'refused', 'an unknown escape in double quotes'],
  ['qwe: 123', 'refused', 'there is a second ": " in this line'],
  ['{qwe123: 1}', 'refused', 'is not text but a list or a mapping'],
  ['[qwe123]', 'refused', 'is not text but a list or a mapping'],
  ['yes', 'refused', 'is not text: YAML reads on, off, yes and no as booleans'],
  ['0777123', 'warned', 'is read by YAML as a number, and so as another text than what was typed'],
  ['0x777123', 'warned', 'as another text than what was typed'],
  ['12:30', 'warned', 'as another text than what was typed'],
  ['1_777', 'warned', 'as another text than what was typed'],
  ['1.7770', 'warned', 'as another text than what was typed'],
  ['777123', 'warned', 'is a number, taken as text; put it in quotes'],
])('a password of %s', async (typed, what, message) => {
  const problems = await withPassword(typed)
  const fitting = problems.filter(problem => problem.startsWith(what) && problem.includes(message))
  expect(fitting, problems.join('\n')).toHaveLength(1)
  expect(fitting[0]).toMatch(/hactl\.yml:8: /)
  expect(fitting[0]).toMatch(/quotes/)
  expect(problems.join()).not.toMatch(/qwe|123|777|511/)
})

test.each(['"#qwe"', "'!qwe'", 'qwe#123', 'qwe # the password of pg1', '1e5', '"0123"'])(
  'a password of %s is what was typed',
  async typed => {
    expect(await withPassword(typed)).toEqual([])
  },
)

test('a number with a comment, and a key that is left out, are no such values', async () => {
  const result = await readText(
    `${HEAD}postgresql:\n  authentication:\n    superuser:\n      password: p\n${TAIL}tags: #none\n`,
  )
  expect(result.warnings).toEqual([])
})
