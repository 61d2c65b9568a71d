// The rules of CONTRIBUTING.md that a program can check: who imports whom, how long things are, what must not be written, and
// what the documents must say. Every check is also shown something bad, so that it is seen to fail.

import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import { bannedCode, bannedComments, emptyWords } from './tidy/bans.ts'
import { adrProblems, changelogProblems, unexplainedPackages, unlistedRooms } from './tidy/documents.ts'
import { unusedExports } from './tidy/exports.ts'
import { crowdedFolders, longCFunctions, longFile, longFunctions, noOpeningComment } from './tidy/limits.ts'
import { deadFiles, forbiddenImports, unusedPackages } from './tidy/rooms.ts'
import { filesUnder, parse, readSources, type Source, top } from './tidy/source.ts'

/** What bin/ imports, and the program of a thread; everything else must be reached from these. */
const startedFromBin = [
  'src/commands.ts',
  'src/terminal/run-program.ts',
  'src/terminal/unknown-command.ts',
  'src/agent/api-thread/thread.ts',
]

const text = (path: string) => readFile(join(top, path), 'utf8')

describe('the tree', () => {
  let program: readonly Source[] = []
  let tests: readonly Source[] = []
  let packages: Readonly<Record<string, Readonly<Record<string, string>>>> = {}

  beforeAll(async () => {
    program = await readSources(['src', 'commands'])
    tests = await readSources(['test'])
    packages = JSON.parse(await text('package.json'))
  })

  test('imports only what its room allows', () => {
    expect(program.flatMap(forbiddenImports)).toEqual([])
  })
  test('has no dead files', () => {
    expect(deadFiles(program, startedFromBin)).toEqual([])
  })
  test('exports only what another file uses', () => {
    expect(unusedExports(program, tests, startedFromBin)).toEqual([])
  })
  test('uses every package it depends on', () => {
    expect(unusedPackages(program, Object.keys(packages.dependencies ?? {}))).toEqual([])
  })
  test('has files of one idea and functions of one screen', async () => {
    const native = (await filesUnder('src/fencer')).filter(path => /\.[ch]$/.test(path))
    const ofNative = native.map(async path => {
      const code = await text(path)
      return [...longFile(path, code), ...longCFunctions(path, code)]
    })
    const ofFiles = [...program, ...tests].flatMap(source => longFile(source.path, source.text))
    expect([...ofFiles, ...program.flatMap(longFunctions), ...(await Promise.all(ofNative)).flat()]).toEqual(
      [],
    )
  })
  test('has folders that can be taken in at one look', () => {
    expect(crowdedFolders(program.map(({ path }) => path).filter(path => path.startsWith('src/')))).toEqual(
      [],
    )
  })
  test('says in each file what it is for', () => {
    expect([...program, ...tests].flatMap(noOpeningComment)).toEqual([])
  })
  test('contains nothing that is banned', () => {
    expect(
      [...program, ...tests].flatMap(source => [...bannedCode(source), ...bannedComments(source)]),
    ).toEqual([])
  })
  test('has names that say something', () => {
    expect(emptyWords([...program, ...tests].map(({ path }) => path))).toEqual([])
  })
  test('says why each package is needed', async () => {
    const decisions = await Promise.all((await filesUnder('docs/adr')).map(text))
    const names = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap(kind =>
      Object.keys(packages[kind] ?? {}),
    )
    expect(unexplainedPackages(names, decisions.join('\n'))).toEqual([])
  })
  test('has decision records of one form', async () => {
    const names = await readdir(join(top, 'docs/adr'))
    const problems = names.map(async name => adrProblems(name, await text(`docs/adr/${name}`)))
    expect((await Promise.all(problems)).flat()).toEqual([])
    expect(names.length).toBeGreaterThan(0)
  })
  test('describes every room', async () => {
    const folders = (await readdir(join(top, 'src'), { withFileTypes: true }))
      .filter(entry => entry.isDirectory())
      .map(entry => `src/${entry.name}`)
    expect(unlistedRooms([...folders, 'bin', 'commands', 'test'], await text('ARCHITECTURE.md'))).toEqual([])
  })
  test('has a changelog that begins with safety', async () => {
    expect(changelogProblems(await text('CHANGELOG.md'))).toEqual([])
  })
  test('keeps model and decide free of everything that is not computation', async () => {
    const compiler = join(top, 'node_modules/.bin/tsc')
    const result = promisify(execFile)(compiler, ['-p', 'tsconfig.pure.json'], { cwd: top, timeout: 120_000 })
    await expect(result.catch(error => Promise.reject(new Error(error.stdout)))).resolves.toBeDefined()
  })
})

describe('each check fails on what it is for', () => {
  const comment = '// What it is for.\n'
  const problems = (path: string, code: string) => {
    const source = parse(path, comment + code)
    return [...forbiddenImports(source), ...bannedCode(source), ...bannedComments(source)]
  }

  test.each([
    ['src/decide/x.ts', "import { a } from '../ports/store.ts'", 'decide must not import src/ports/store.ts'],
    ['src/decide/x.ts', "import { a } from 'node:fs'", 'decide must not import node:fs'],
    ['src/model/x.ts', "export { a } from '../decide/a.ts'", 'model must not import src/decide/a.ts'],
    ['src/observe/x.ts', "import type { A } from '../act/a.ts'", 'observe must not import src/act/a.ts'],
    ['src/act/x.ts', "import pg from 'pg'", 'act must not import pg'],
    ['src/dcs/x.ts', "const a = await import('../postgres/a.ts')", 'dcs must not import src/postgres/a.ts'],
    ['src/rest/x.ts', "import { a } from '../decide/a.ts'", 'rest must not import src/decide/a.ts'],
    ['src/agent/x.ts', "import { a } from '../terminal/a.ts'", 'agent must not import src/terminal/a.ts'],
    ['commands/x.ts', "import { a } from '../src/dcs/a.ts'", 'commands must not import src/dcs/a.ts'],
    [
      'commands/x.ts',
      "import { a } from '../src/agent/beat.ts'",
      'commands must not import src/agent/beat.ts',
    ],
    ['src/stuff/x.ts', '', 'stuff is not a room'],
    ['src/act/x.ts', "import { a } from './a.js'", 'write the ending .ts'],
    ['src/act/x.ts', 'const a = Date.now()', 'src/act/x.ts:2: wall time'],
    ['src/act/x.ts', 'const a = new Date()', 'wall time'],
    ['src/act/x.ts', 'const a = performance.now()', 'another monotonic clock'],
    ['src/act/x.ts', 'const a = Math.random()', 'randomness'],
    ['src/dcs/x.ts', "import { readFileSync } from 'node:fs'", 'a blocking call'],
    ['src/dcs/x.ts', "import * as fs from 'node:fs'\nfs.statSync('/')", 'src/dcs/x.ts:3: a blocking call'],
    ['src/act/x.ts', 'setInterval(() => 1, 5)', 'setInterval'],
    ['src/act/x.ts', 'process.exit(1)', 'process.exit'],
    ['src/agent/x.ts', "process.stdout.write('a')", 'src/agent/x.ts:2: a text past the exit'],
    ['src/terminal/x.ts', 'const { stderr } = process\nstderr.write(a)', 'src/terminal/x.ts:3: a text past'],
    ['commands/x.ts', 'console.error(a)', 'a text past the exit'],
    ['commands/x.ts', 'this.log(a)', 'a text past the exit'],
    ['src/decide/x.ts', 'const a = b.modRevision > c', 'src/decide/x.ts:2: a revision compared'],
    ['src/dcs/x.ts', 'const a = revision + 1', 'src/dcs/x.ts:2: a revision compared'],
    ['src/act/x.ts', 'const a: any = 1', 'any: use unknown'],
    ['src/act/x.ts', 'const a = b!', 'a non-null `!`'],
    ['src/act/x.ts', 'export default 1', 'a default export'],
    ['src/act/x.ts', 'try { a() } catch {}', 'an empty catch'],
    ['src/act/x.ts', '// @ts-ignore\nconst a = 1', '@ts-ignore: mend'],
    ['src/act/x.ts', '/* TODO: later */', 'TODO: do it'],
    ['src/act/x.ts', '// @ts-expect-error: so be it\nconst a: string = 1', '@ts-expect-error: mend'],
    ['test/act/x.types.ts', '// @ts-ignore\nconst a = 1', '@ts-ignore: mend'],
  ])('%s: %s', (path, code, expected) => {
    expect(problems(path, code).join('\n')).toContain(expected)
  })

  test('and passes what is right', () => {
    expect(problems('commands/x.ts', 'export default class A {}')).toEqual([])
    expect(problems('src/act/x.ts', "import type { A } from '../model/a.ts'")).toEqual([])
    expect(problems('src/system/clock.ts', 'const a = Date.now()')).toEqual([])
    expect(problems('src/act/x.ts', 'const a = new Date(0)')).toEqual([])
    expect(bannedComments(parse('test/act/x.types.ts', '// @ts-expect-error: a mix-up\na(1)'))).toEqual([])
    expect(problems('src/decide/x.ts', 'const a = b.modRevision === c.modRevision')).toEqual([])
    expect(problems('src/dcs/x.ts', "import { parseSync } from './a.ts'\nparseSync()")).toEqual([])
    expect(problems('src/act/x.ts', 'try { a() } catch {\n// Gone already.\n}')).toEqual([])
    expect(problems('commands/x.ts', "import { a } from '../src/agent/agent.ts'")).toEqual([])
  })

  test('mocks and tests that do not run', () => {
    const source = parse('test/x.test.ts', `${comment}vi.fn()\ntest.only('a', () => 1)`)
    expect(bannedCode(source).join()).toMatch(/a mock.*a test that does not run/)
  })
  test('lengths', () => {
    const lines = (count: number) => '\n'.repeat(count)
    expect(longFile('src/a.ts', lines(300))).toEqual([])
    expect(longFile('src/a.ts', lines(301))).toHaveLength(1)
    expect(longFile('src/a.data.ts', lines(301))).toEqual([])
    expect(longFile('test/a.test.ts', lines(501))).toHaveLength(1)
    expect(longFunctions(parse('src/a.ts', `function a() {${lines(69)}}`))).toEqual([])
    expect(longFunctions(parse('src/a.ts', `const a = () => {${lines(70)}}`))).toHaveLength(1)
    expect(longCFunctions('a.c', `int a(void)\n{${lines(69)}}\n`)).toEqual([])
    expect(longCFunctions('a.c', `int a(void) {${lines(70)}}\n`)).toHaveLength(1)
  })
  test('folders with more files than one can look at', () => {
    const files = (count: number) => Array.from({ length: count }, (_, at) => `src/act/${at}.ts`)
    expect(crowdedFolders(files(22))).toEqual([])
    expect(crowdedFolders(files(23))).toEqual([expect.stringContaining('src/act: 23 files')])
  })
  test('files without purpose, with empty names, or that nothing imports', () => {
    expect(noOpeningComment(parse('src/a.ts', 'const a = 1'))).toHaveLength(1)
    expect(emptyWords(['src/utils/a.ts', 'src/act/helpers.ts', 'src/act/act.ts'])).toHaveLength(2)
    const sources = [
      parse('src/a.ts', "import './b.ts'"),
      parse('src/b.ts', ''),
      parse('src/c.ts', "import './c.ts'"),
    ]
    expect(deadFiles(sources, ['src/a.ts'])).toEqual([expect.stringContaining('src/c.ts')])
    expect(deadFiles([], ['src/a.ts'])).toHaveLength(1)
    expect(unusedPackages(sources, ['pg'])).toHaveLength(1)
  })
  test('exports that no other file uses, or tests alone', () => {
    const program = [
      parse('src/a.ts', 'export const used = 1\nexport class Unused {}\nexport const { p, q: [r] } = f()'),
      parse(
        'src/b.ts',
        "import { used, r } from './a.ts'\nexport function tested() {}\nexport type T = used",
      ),
      parse('src/c.ts', 'export interface Looked {}\nlet a: Looked'),
      parse('src/d.ts', "export const whole = 1\nexport { used as again } from './a.ts'"),
      parse('src/e.ts', "import { T } from './b.ts'\nawait import('./d.ts')"),
    ]
    const tests = [
      parse(
        'test/a.test.ts',
        "import { tested } from '../src/b.ts'\nimport type { Looked } from '../src/c.ts'",
      ),
    ]
    expect(unusedExports(program, tests)).toEqual([
      'src/a.ts:2: Unused is used by no other file: do not export it',
      'src/a.ts:3: p is used by no other file: do not export it',
      'src/b.ts:2: tested is used by tests alone: delete it, and them',
    ])
    expect(unusedExports(program, [], ['src/a.ts', 'src/b.ts', 'src/c.ts'])).toEqual([])
  })
  test('documents', () => {
    expect(unexplainedPackages(['pg', 'yaml'], 'we use `pg`')).toEqual([expect.stringContaining('yaml')])
    expect(unlistedRooms(['src/act', 'src/rest'], 'src/act/ acts')).toHaveLength(1)
    expect(changelogProblems('# Changelog\n\n## Unreleased\n\n### Safety\n')).toEqual([])
    expect(changelogProblems('# Changelog\n\n## Unreleased\n\n### Added\n\n### Safety\n')).toHaveLength(1)
    expect(changelogProblems('# News\n\n## soon\n')).toHaveLength(3)
    expect(adrProblems('1-x.md', '# X\n\n## Context\n\n## Decision\n')).toHaveLength(2)
  })
})
