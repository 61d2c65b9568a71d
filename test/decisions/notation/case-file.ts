// A decision file: prose, the situation, a line, what is decided. Read into cases and written back with what the rules
// say today.

import { readFile, writeFile } from 'node:fs/promises'
import { decide } from '../../../src/decide/decide.ts'
import { errorText } from '../../../src/model/error-text.ts'
import { build, type Question } from './build.ts'
import { newDraft } from './draft.ts'
import { readNodeLine } from './forms-node.ts'
import { readWorldLine } from './forms-world.ts'
import { render } from './render.ts'

export interface Case {
  readonly file: string
  /** Of the line `look as`. */
  readonly line: number
  readonly prose: string
  /** From `look as` to the last line about the situation. */
  readonly given: readonly string[]
  readonly expected: string
}

const SEPARATOR = '----'

/** Blocks are separated by blank lines; one without `look as` is prose about the file. */
export function parseFile(file: string, text: string): readonly Case[] {
  const cases: Case[] = []
  let line = 1
  for (const block of text.split(/\n(?=\n)/)) {
    const lines = block.split('\n')
    const start = lines.findIndex(each => each.startsWith('look as '))
    if (start >= 0) cases.push(parseCase(file, line + start, lines.slice(0, start), lines.slice(start)))
    line += lines.length
  }
  return cases
}

function parseCase(file: string, line: number, before: readonly string[], lines: readonly string[]): Case {
  const separator = lines.indexOf(SEPARATOR)
  if (separator < 0) throw new Error(`${file}:${line}: the line "${SEPARATOR}" is missing`)
  const prose = before.filter(each => each.startsWith('#')).map(each => each.replace(/^#\s?/, ''))
  if (prose.length === 0) throw new Error(`${file}:${line}: say above the case what it shows`)
  return {
    file,
    line,
    prose: prose.join(' '),
    given: lines.slice(0, separator),
    expected: lines
      .slice(separator + 1)
      .join('\n')
      .trimEnd(),
  }
}

/** The question that a case asks. Throws with file and line when it is not understood. */
export function questionOf({ file, line, given }: Case): Question {
  const [head = '', ...lines] = given
  const draft = newDraft(head.replace(/^look as /, '').trim())
  for (const [index, each] of lines.entries()) {
    const match = /^\s+(\S+)(?:\s+(.*))?$/.exec(each)
    const [, key = '', text = ''] = match ?? []
    try {
      if (!readWorldLine(key, text, draft) && !readNodeLine(key, text, draft)) {
        throw new Error(`no such line: ${each.trim()}`)
      }
    } catch (error) {
      throw new Error(`${file}:${line + index + 1}: ${errorText(error)}`)
    }
  }
  return build(draft)
}

export function answerOf(asked: Case): string {
  const { snap, memory } = questionOf(asked)
  return render(decide(snap, memory), memory, snap.nowMs)
}

/** The rule that a case expects. */
export function ruleOf({ expected }: Case): string {
  return /^[^:\s]+/.exec(expected)?.[0] ?? ''
}

/** Replaces what each case expects by what is decided today. */
export async function rewriteFile(path: string): Promise<void> {
  const text = await readFile(path, 'utf8')
  const blocks = text.trimEnd().split(/\n(?=\n)/)
  const written = blocks.map(block => {
    const [asked] = parseFile(path, block)
    if (asked === undefined) return block
    const end = block.split('\n').indexOf(SEPARATOR)
    return [...block.split('\n').slice(0, end + 1), answerOf(asked)].join('\n')
  })
  await writeFile(path, `${written.join('\n')}\n`)
}
