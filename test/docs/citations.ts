// Finds what the code cites: headings and rows of docs/spec by their numbers, and documents by their names. docs/spec/README.md says
// how a citation is written.

export interface Citation {
  /** Of docs/spec, without the ending. */
  readonly document: string
  /** As in docs/spec: `3.7.2`, `8.B15`, `R3`, `appendix A`. */
  readonly number: string
}

const ONE = String.raw`(?:[Aa]ppendix [A-C]\b|\d+(?:\.\d+)*(?:\.[A-Z]\d+)?\b|[A-Z]\d+\b)`
const SOME = new RegExp(String.raw`\bspec/([a-z]+)\.md((?:,? (?:and )?${ONE}(?:-[A-Z\d.]*\d)?)*)`, 'g')
const EACH = new RegExp(String.raw`(${ONE})(?:-([A-Z\d.]*\d))?`, 'g')

/** Written in full: `spec/ha.md 1.2, 8.B18-B20`. */
export function citations(text: string): readonly Citation[] {
  const found: Citation[] = []
  for (const [, document = '', numbers = ''] of inOneLine(text).matchAll(SOME))
    for (const [, first = '', last] of numbers.matchAll(EACH))
      for (const number of last === undefined ? [first] : range(first, last))
        found.push({
          document,
          number: number.toLowerCase().startsWith('app') ? number.toLowerCase() : number,
        })
  return found
}

/** Written by its number alone: what went wrong before anywhere, marks of cases in decision files, titles of PostgreSQL's tests. */
export function shortCitations(path: string, text: string): readonly Citation[] {
  const numbers = (document: string, from: string, pattern: RegExp) =>
    [...from.matchAll(pattern)].map(([number]) => ({ document, number }))
  const found = numbers('ha', text, /(?<![\d.])8\.[A-Z]\d+\b/g)
  if (/^test\/decisions\/.*\.txt$/.test(path)) {
    const marks = text.match(/^# .*/gm)?.join('\n') ?? ''
    found.push(
      ...numbers('ha', marks, /(?<![.\w/])[A-Z]\d{1,2}\b/g),
      ...numbers('ha', marks, /(?<=^# )\d\.\d+\b/gm),
    )
  }
  if (/^test\/(adapters\/postgres\/|postgres-settings\/)/.test(path))
    found.push(...numbers('postgres', text, /(?<![.\w/])[BCPR]\d\d\b|(?<![.\w/])Q\d{1,2}\b/g))
  return found
}

/** The numbers that a document of docs/spec has: of its headings, and of the rows of its tables. */
export function numbersOf(markdown: string): {
  readonly headings: readonly string[]
  readonly rows: readonly string[]
} {
  const all = (pattern: RegExp) => [...markdown.matchAll(pattern)].map(([, number = '']) => number)
  return {
    headings: [
      ...all(/^#+ (\d+(?:\.\d+)*) /gm),
      ...all(/^#+ (Appendix [A-C])\b/gm).map(title => title.toLowerCase()),
    ],
    rows: all(/^\| ((?:\d\.)?[A-Z]\d+) \|/gm),
  }
}

/** Documents that are named: `docs/adr/0001-x.md`, `design.md`. */
export function documentsNamed(text: string): readonly string[] {
  return [...text.matchAll(/(?<![\w*])[\w./-]*\w\.md\b/g)].map(([name]) => name)
}

/** Numbers of trackers and paths of machines that no reader of the repository has. */
export function placesOutside(text: string): readonly string[] {
  return (
    text.match(/\((?:case|issue|review) #?\w*\d+\)|(?<![\w.])\/work\/\w+|(?<![\w.])\.\.\/shared\b/g) ?? []
  )
}

/** `promise 3` of ARCHITECTURE.md, `ADR 14` of docs/adr. */
export function promisesAndRecords(text: string): readonly string[] {
  return [...inOneLine(text).matchAll(/\b(promise|ADR) (\d+)\b/g)].map(
    ([, kind, number]) => `${kind} ${number}`,
  )
}

/** A citation may be broken over two lines of a comment. */
function inOneLine(text: string): string {
  return text.replaceAll(/\n\s*(?:\/\/|\*|#) ?/g, ' ')
}

/** `8.B18` to `B20`, `4.4` to `4.6`. */
function range(first: string, last: string): readonly string[] {
  const parts = /^(.*?)(\d+)$/.exec(first)
  const end = Number(/\d+$/.exec(last)?.[0])
  if (parts === null || !(end > Number(parts[2]))) return [first, last]
  const [, stem = '', from] = parts
  return Array.from({ length: end - Number(from) + 1 }, (_, index) => `${stem}${Number(from) + index}`)
}
