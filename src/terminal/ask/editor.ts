// A text in a person's editor: a private temporary file, the program from VISUAL or EDITOR (else editor, else vi). The
// file lives until it is discarded, so that a text that was refused can be edited again, or is kept and named.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { done, failed, type Result } from '../../model/command/failure.ts'

export interface Draft {
  readonly file: string
  /** Opens the editor on the file and gives back what is in it afterwards. */
  edit(): Promise<Result<string>>
  discard(): Promise<void>
}

/** `name` shows in the editor's title, e.g. `batman-config.yaml`. The file is readable by this user only. */
export async function createDraft(text: string, name: string): Promise<Draft> {
  const folder = await mkdtemp(join(tmpdir(), 'hactl-'))
  const file = join(folder, name.replace(/[^\w.-]/g, '_'))
  await writeFile(file, text, { mode: 0o600 })
  return {
    file,
    edit: async () => {
      const why = await runFirst(editors(process.env), file)
      return why === null ? done(await readFile(file, 'utf8')) : failed({ kind: 'editor', why })
    },
    discard: () => rm(folder, { recursive: true, force: true }),
  }
}

/** Each a program with its arguments, as crontab and git read them: `code --wait` is a program and an option. */
export function editors(env: NodeJS.ProcessEnv): readonly (readonly string[])[] {
  const chosen = [env.VISUAL, env.EDITOR].map(text => splitWords(text ?? '')).find(words => words.length > 0)
  return chosen === undefined ? [['editor'], ['vi']] : [chosen]
}

/** As a shell splits words: at blanks, but not inside quotes or behind a backslash. No shell runs. */
export function splitWords(text: string): readonly string[] {
  const words = text.match(/(?:\\.|"(?:\\.|[^"\\])*"|'[^']*'|[^\s"'\\]|["'\\])+/gs) ?? []
  return words.map(word =>
    word.replace(/\\(.)|"((?:\\.|[^"\\])*)"|'([^']*)'/gs, (_, escaped, double, single) =>
      String(escaped ?? double?.replace(/\\(["\\$`])/g, '$1') ?? single ?? ''),
    ),
  )
}

/** null: it ended well. A program that is not there gives way to the next. */
async function runFirst(candidates: readonly (readonly string[])[], file: string): Promise<string | null> {
  for (const words of candidates) {
    const ended = await run(words, file)
    if (ended === 'missing') continue
    return ended === 0 ? null : `editor ${words.join(' ')} exited with return code ${ended}`
  }
  return `no editor found (${candidates.map(words => words.join(' ')).join(', ')})`
}

/** A person sits at it, so that it has no time limit. */
async function run([program = '', ...args]: readonly string[], file: string): Promise<number | string> {
  const { execa } = await import('execa')
  const { code, exitCode, signal, shortMessage } = await execa(program, [...args, file], {
    stdio: 'inherit',
    reject: false,
  })
  if (code === 'ENOENT') return 'missing'
  return exitCode ?? signal ?? shortMessage ?? 'an unknown error'
}
