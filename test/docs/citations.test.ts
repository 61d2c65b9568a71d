// Every citation leads to a heading or a row of docs/spec, and nothing cites what is not in the repository.

import { readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { chapters } from '../../src/decide/rule-book.ts'
import { filesUnder, top } from '../tidy/source.ts'
import {
  citations,
  documentsNamed,
  numbersOf,
  placesOutside,
  promisesAndRecords,
  shortCitations,
} from './citations.ts'

const DOCUMENTS = ['ha', 'postgres', 'interfaces']
const FOLDERS = ['src', 'commands', 'bin', 'test', 'docs', 'contrib']
const PAGES = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md']
/** They show what a check finds, with documents that are not there. */
const SHOWS = [/^test\/docs\//, /^test\/tidy/]
const TEXT = /\.(?:ts|js|mjs|c|h|txt|md|sh|yml|service)$|^bin\/[a-z]+$/

interface Page {
  readonly path: string
  readonly text: string
}

const read = async (path: string): Promise<Page> => ({ path, text: await readFile(join(top, path), 'utf8') })

describe('what is cited', () => {
  let pages: readonly Page[] = []
  let paths: ReadonlySet<string> = new Set()
  const spec = new Map<string, ReturnType<typeof numbersOf>>()

  beforeAll(async () => {
    const listed = [...PAGES, ...(await Promise.all(FOLDERS.map(filesUnder))).flat()]
    paths = new Set(listed)
    const shown = listed.filter(path => TEXT.test(path) && !SHOWS.some(each => each.test(path)))
    pages = await Promise.all(shown.map(read))
    for (const name of DOCUMENTS) spec.set(name, numbersOf((await read(`docs/spec/${name}.md`)).text))
  })

  const cited = () =>
    pages
      .filter(({ path }) => !path.startsWith('docs/spec/'))
      .flatMap(({ path, text }) =>
        [...citations(text), ...shortCitations(path, text)].map(citation => ({ path, ...citation })),
      )

  test('is in docs/spec', () => {
    const lost = [
      ...cited(),
      ...pages.flatMap(({ path, text }) => citations(text).map(each => ({ path, ...each }))),
    ]
      .filter(({ document, number }) => {
        const there = spec.get(document)
        return !there?.headings.includes(number) && !there?.rows.includes(number)
      })
      .map(({ path, document, number }) => `${path}: spec/${document}.md has no ${number}`)
    expect([...new Set(lost)]).toEqual([])
    expect(cited().length).toBeGreaterThan(300)
  })

  test('is all that docs/spec has rows for, each of them once', () => {
    const known = new Set(cited().map(({ document, number }) => `${document} ${number}`))
    for (const [name, { headings, rows }] of spec) {
      const numbers = [...headings, ...rows]
      expect(numbers.filter((number, index) => numbers.indexOf(number) !== index)).toEqual([])
      expect(
        rows.filter(row => !known.has(`${name} ${row}`)).map(row => `${name}.md ${row}: cited nowhere`),
      ).toEqual([])
    }
  })

  test('is a file of the repository', () => {
    const folders = ['', 'docs', 'docs/adr']
    const isThere = (name: string, from: string) =>
      [...folders, posix.dirname(from)].some(folder => paths.has(posix.join(folder, name)))
    const lost = pages.flatMap(({ path, text }) =>
      documentsNamed(text)
        .filter(name => !isThere(name, path))
        .map(name => `${path}: ${name} is not in the repository`),
    )
    expect(lost).toEqual([])
  })

  test('is a promise that ARCHITECTURE.md makes, or a decision record', async () => {
    const [, promises = ''] = (await read('ARCHITECTURE.md')).text.split('The promises, in order:')
    const known = new Set([
      ...[...(promises.split('\n\n')[0] ?? '').matchAll(/\((\d)\)/g)].map(
        ([, number]) => `promise ${number}`,
      ),
      ...[...paths].map(path => `ADR ${Number(/^docs\/adr\/(\d+)/.exec(path)?.[1])}`),
    ])
    const named = pages.flatMap(({ path, text }) => promisesAndRecords(text).map(name => ({ path, name })))
    expect(named.filter(({ name }) => !known.has(name))).toEqual([])
    expect(named.length).toBeGreaterThan(3)
  })

  test('is no number of a tracker, and no path of the machine that it was written on', () => {
    const found = pages.flatMap(({ path, text }) => placesOutside(text).map(place => `${path}: ${place}`))
    expect(found).toEqual([])
  })

  test('is cited in comments, not in what a rule says to a person', () => {
    const why = chapters()
      .flatMap(({ rules }) => rules)
      .filter(({ why }) => citations(why).length > 0 || documentsNamed(why).length > 0)
    expect(why).toEqual([])
  })
})

describe('a citation', () => {
  const numbers = (text: string) => citations(text).map(({ document, number }) => `${document} ${number}`)

  test('is found alone, in a list, as a range, over two lines, as an appendix', () => {
    expect(numbers('(spec/ha.md 3.7.2, 8.B18-B20)')).toEqual(['ha 3.7.2', 'ha 8.B18', 'ha 8.B19', 'ha 8.B20'])
    expect(numbers('// as said (spec/postgres.md\n// 4.4-4.6), and so')).toEqual([
      'postgres 4.4',
      'postgres 4.5',
      'postgres 4.6',
    ])
    expect(numbers('spec/ha.md C13, C14, spec/interfaces.md Appendix B')).toEqual([
      'ha C13',
      'ha C14',
      'interfaces appendix B'.toLowerCase(),
    ])
    expect(numbers('spec/ha.md 3.8.6 and 3.8.7 in order')).toEqual(['ha 3.8.6', 'ha 3.8.7'])
  })
  test('is found by its number alone where that is the custom', () => {
    const short = (path: string, text: string) =>
      shortCitations(path, text).map(({ document, number }) => `${document} ${number}`)
    expect(short('src/x.ts', 'made again (8.S3, 8.S5)')).toEqual(['ha 8.S3', 'ha 8.S5'])
    expect(short('test/decisions/x.txt', '# R3, 8.E12: it crashed\n  lsn E12')).toEqual(['ha 8.E12', 'ha R3'])
    expect(short('test/adapters/postgres/x.test.ts', "test('P04: x')")).toEqual(['postgres P04'])
  })
  test('leads to a heading or a row', () => {
    expect(
      numbersOf(
        '# T\n## 3 A\n### 3.7.2 B\n## Appendix B: C\n| row | x |\n|---|---|\n| 8.B15 | y |\n| R3 | z |\n',
      ),
    ).toEqual({
      headings: ['3', '3.7.2', 'appendix b'],
      rows: ['8.B15', 'R3'],
    })
  })
  test('of another place is found', () => {
    expect(documentsNamed('see design.md 4, docs/adr/0001-x.md, *.md')).toEqual([
      'design.md',
      'docs/adr/0001-x.md',
    ])
    expect(placesOutside('(case 31) /work/shared/x ../shared/x')).toHaveLength(3)
  })
})
