// What docs/security.md says of its claims: their numbers, and the tests that show them.

interface NamedTest {
  readonly file: string
  /** null: the file alone is named. */
  readonly name: string | null
}

/** `test/a.test.ts` “one”, “another”: the names belong to the file before them. */
export function testsNamed(markdown: string): readonly NamedTest[] {
  return [...markdown.matchAll(/`(test\/[\w./-]+\.test\.ts)`((?:,? “[^”]+”)*)/g)].flatMap(
    ([, file = '', list = '']): readonly NamedTest[] => {
      const names = [...list.matchAll(/“([^”]+)”/g)].map(([, name = '']) => name)
      return names.length === 0 ? [{ file, name: null }] : names.map(name => ({ file, name }))
    },
  )
}

/**
 * The name is the first argument of `test`, `it`, what `each` and its like give, or a constant that was made so; not of `skip`
 * or `todo`.
 */
export function isTestIn(source: string, name: string): boolean {
  const made = [...source.matchAll(/const (\w+) = (?:test|it)\.(?:skipIf|runIf)\(/g)].map(([, word]) => word)
  const begins = new RegExp(
    String.raw`(?:^|[^.\w])(?:${['test', 'it', ...made].join('|')})(?:\.concurrent)?\($`,
  )
  return ["'", '"', '`'].some(quote => {
    for (let at = -1; ; ) {
      at = source.indexOf(`${quote}${name}${quote}`, at + 1)
      if (at < 0) return false
      const before = source.slice(0, at).trimEnd()
      if (begins.test(before)) return true
      if (/[)\]>]\s*\($/.test(before) && /(?:test|it)(?:\.concurrent)?\.(?:each|runIf|skipIf)\b/.test(before))
        return true
    }
  })
}

/** Numbers of claims at the beginning of a row: `| N1 | …`. */
export function claimsIn(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^\| ([A-Z]\d+) \|/gm)].map(([, number = '']) => number)
}

/** Numbers of claims anywhere, also in a sentence. */
export function claimsNamed(markdown: string): readonly string[] {
  return [...markdown.matchAll(/(?<![\w-])[NPLEMO]\d+\b/g)].map(([number]) => number)
}
