// Lets a person edit a text in their editor: a private temporary file, the program from EDITOR (else editor, else vi).

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { done, failed, type Result } from '../model/failure.ts'

/** `name` shows in the editor's title, e.g. `batman-config.yaml`. The file is readable by this user only. */
export async function editText(text: string, name: string): Promise<Result<string>> {
  const folder = await mkdtemp(join(tmpdir(), 'hactl-'))
  const file = join(folder, name.replace(/[^\w.-]/g, '_'))
  try {
    await writeFile(file, text, { mode: 0o600 })
    const why = await runFirst(programs(), file)
    return why === null ? done(await readFile(file, 'utf8')) : failed({ kind: 'editor', why })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** As patronictl: EDITOR is the name of a program, without arguments. */
function programs(): readonly string[] {
  const chosen = process.env.EDITOR
  return chosen === undefined || chosen === '' ? ['editor', 'vi'] : [chosen]
}

/** null: it ended well. A program that is not there gives way to the next. */
async function runFirst(candidates: readonly string[], file: string): Promise<string | null> {
  for (const program of candidates) {
    const ended = await run(program, file)
    if (ended === 'missing') continue
    return ended === 0 ? null : `editor ${program} exited with return code ${ended}`
  }
  return `no editor found (${candidates.join(', ')})`
}

/** A person sits at it, so that it has no time limit. */
async function run(program: string, file: string): Promise<number | string> {
  const { execa } = await import('execa')
  const { code, exitCode, signal, shortMessage } = await execa(program, [file], {
    stdio: 'inherit',
    reject: false,
  })
  if (code === 'ENOENT') return 'missing'
  return exitCode ?? signal ?? shortMessage ?? 'an unknown error'
}
