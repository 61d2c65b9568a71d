// What the documents say is checked against the program: links lead somewhere, commands exist, the example
// configuration is right, and the tables of the README list everything.

import { access, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { COMMANDS } from '../../src/commands.ts'
import { readLocalConfig } from '../../src/config/node-config.ts'
import { chapters } from '../../src/decide/rule-book.ts'
import type { Problem } from '../../src/model/settings/problem.ts'
import { EXIT_MEANINGS } from '../../src/terminal/exit-codes.ts'
import { brokenLinks, hactlCommands, headings, tableColumn } from './markdown.ts'

const top = fileURLToPath(new URL('../..', import.meta.url))
const text = (path: string) => readFile(join(top, path), 'utf8')
const exists = (path: string) =>
  access(join(top, path)).then(
    () => true,
    () => false,
  )

async function documents(): Promise<readonly string[]> {
  const folders = ['.', 'docs', 'docs/adr', 'docs/runbooks', 'docs/spec']
  const found = await Promise.all(
    folders.map(async folder => (await readdir(join(top, folder))).map(name => join(folder, name))),
  )
  return found.flat().filter(path => path.endsWith('.md'))
}

test('every relative link leads to a file, and to a heading that is there', async () => {
  const paths = await documents()
  expect(paths).toContain('README.md')
  const anchors = new Map<string, readonly string[]>()
  for (const path of paths) anchors.set(path, headings(await text(path)))
  const problems: string[] = []
  for (const path of paths)
    problems.push(
      ...(await brokenLinks(path, await text(path), exists, target => anchors.get(target) ?? null)),
    )
  expect(problems).toEqual([])
})

test('a broken link is seen', async () => {
  const here = '[a](gone.md) [b](other.md#gone) [c](other.md#there) [d](https://example.org/x)'
  const found = await brokenLinks(
    'docs/x.md',
    here,
    async path => path === 'docs/other.md',
    () => ['there'],
  )
  expect(found).toEqual(['docs/x.md: gone.md does not exist', 'docs/x.md: other.md has no heading #gone'])
})

test('every rule that a document names exists', async () => {
  const rules = chapters().flatMap(({ rules: some }) => some.map(({ id }) => id))
  const situations = chapters().map(({ situation }) => situation)
  const rule = new RegExp(`\`((?:${situations.join('|')})\\.[a-z-]+)\``, 'g')
  const problems: string[] = []
  let count = 0
  for (const path of await documents())
    for (const [, id = ''] of (await text(path)).matchAll(rule)) {
      count += 1
      if (!id.endsWith('.ts') && !rules.includes(id)) problems.push(`${path}: there is no rule ${id}`)
    }
  expect(problems).toEqual([])
  expect(count).toBeGreaterThan(15)
})

/** Named as missing; everything else that a document calls a command must be one. */
const NOT_YET = ['why', 'replay']

test('every command that a document names exists, or is named as missing', async () => {
  const known = Object.keys(COMMANDS).map(name => name.replace(/:.*/, ''))
  const problems: string[] = []
  for (const path of (await documents()).filter(path => path !== 'docs/configuration.md')) {
    const names = hactlCommands(await text(path))
    const unknown = names.filter(name => !known.includes(name) && !NOT_YET.includes(name))
    problems.push(...unknown.map(name => `${path}: hactl ${name}`))
  }
  expect(problems).toEqual([])
  expect(NOT_YET.filter(name => known.includes(name))).toEqual([])
})

test('a command in code is seen, a placeholder or an option is not', () => {
  const page = 'run `bin/hactl lst` or `hactl --help`\n\n    PGUSER=x hactl frob --now\n'
  expect(hactlCommands(page)).toEqual(['lst', 'frob'])
})

test('the tables of the README list every command and every exit code', async () => {
  const readme = await text('README.md')
  const commands = tableColumn(readme, 'Commands').map(cell => cell.replaceAll('`', '').replace('hactl ', ''))
  // What only the completion scripts call is for nobody to read.
  const shown = Object.entries(COMMANDS).filter(([, command]) => !command.hidden)
  expect(new Set(commands)).toEqual(new Set(shown.map(([name]) => name.replaceAll(':', ' '))))
  const codes = tableColumn(readme, 'Exit codes').map(Number)
  expect(codes).toEqual(EXIT_MEANINGS.map(([code]) => code))
})

test('contrib/hactl.yml is read without a warning, but for its passwords', async () => {
  const read = await readLocalConfig({ path: join(top, 'contrib/hactl.yml'), env: { HOME: '/nowhere' } })
  const isAboutPasswords = ({ message }: Problem) =>
    /^is that of an example|^holds passwords, and every user/.test(message)
  expect(read.warnings.filter(warning => !isAboutPasswords(warning))).toEqual([])
  expect(read.warnings.filter(({ message }) => message.startsWith('is that of'))).toHaveLength(4)
  expect(read.ok).toBe(true)
  // What is left open is said in its comments too.
  expect((read.ok ? read.open : []).map(({ path }) => path)).toEqual([
    'restapi.authentication.password',
    'etcd3',
    'postgresql.pg_hba',
  ])
})
