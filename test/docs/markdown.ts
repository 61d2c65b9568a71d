// The little of Markdown that the checks of the documents need: links, headings, tables and commands in code.

import { posix } from 'node:path'

const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g

/** Links to other sites are not followed. `headingsOf` null: not one of our documents, so no anchor is looked for. */
export async function brokenLinks(
  path: string,
  markdown: string,
  exists: (path: string) => Promise<boolean>,
  headingsOf: (path: string) => readonly string[] | null,
): Promise<readonly string[]> {
  const problems: string[] = []
  for (const [, link = ''] of markdown.matchAll(LINK)) {
    if (/^[a-z]+:/.test(link)) continue
    const [file = '', anchor] = link.split('#')
    const target = file === '' ? path : posix.join(posix.dirname(path), file)
    if (file !== '' && !(await exists(target))) problems.push(`${path}: ${link} does not exist`)
    else if (anchor !== undefined && headingsOf(target)?.includes(anchor) === false)
      problems.push(`${path}: ${file} has no heading #${anchor}`)
  }
  return problems
}

/** As GitHub makes anchors of them. */
export function headings(markdown: string): readonly string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  )
}

/** First column of the first table below a heading. */
export function tableColumn(markdown: string, heading: string): readonly string[] {
  const section = markdown.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  const rows = section.split('\n').filter(line => line.startsWith('|'))
  return rows.slice(2).map(row => row.split('|')[1]?.trim() ?? '')
}

/** The first word behind `hactl` in code, where that is a command and not an option, a path or a placeholder. */
export function hactlCommands(markdown: string): readonly string[] {
  const inline = [...markdown.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)
  const blocks = markdown.split('\n').filter(line => line.startsWith('    '))
  const named = [...inline, ...blocks].flatMap(code => [
    ...code.matchAll(/(?:^|[\s/])hactl ([a-z][a-z-]*)(?=\s|$)/g),
  ])
  return [...new Set(named.map(([, name = '']) => name))]
}
