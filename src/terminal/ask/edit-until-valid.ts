// A document in an editor until it is valid or the person gives up. What was typed is never lost: an invalid text is
// offered again, and if the answer is no, its file is kept and named.

import type { JsonObject } from '../../model/cluster/cluster.ts'
import { done, type Failure, failed, type Result } from '../../model/command/failure.ts'
import { line, toStderr } from '../print.ts'
import { createDraft, type Draft } from './editor.ts'
import { askYesNo } from './questions.ts'

export interface Judged {
  /** null: the text is not a document. */
  readonly document: JsonObject | null
  /** The problems, each with its line where that is known. */
  readonly problems: readonly string[]
}

export interface Edited {
  readonly document: JsonObject
  /** Call one of them at the end. */
  readonly discard: () => Promise<void>
  readonly keep: () => void
}

interface EditOptions {
  readonly text: string
  readonly name: string
  readonly judge: (text: string) => Promise<Judged>
  /** Problems of a document that can be read do not count here. */
  readonly acceptInvalid: boolean
}

export async function editUntilValid(options: EditOptions): Promise<Result<Edited>> {
  const draft = await createDraft(options.text, options.name)
  for (;;) {
    const edited = await draft.edit()
    if (!edited.ok) return editorFailed(draft, edited.failure)
    const { document, problems } = await options.judge(edited.value)
    if (document !== null && (problems.length === 0 || options.acceptInvalid))
      return done({ document, discard: draft.discard, keep: () => sayKept(draft) })
    toStderr(problems.map(problem => line`error: ${problem}\n`).join(''))
    const again = await askYesNo('Edit again?', true)
    if (again.ok && again.value) continue
    sayKept(draft)
    return failed(
      again.ok ? { kind: 'config-invalid', problems, isDocument: document !== null } : again.failure,
    )
  }
}

/** Leaving the editor with an error is how a person says no; nobody expects the file to stay. */
async function editorFailed(draft: Draft, failure: Failure): Promise<Result<never>> {
  await draft.discard()
  return failed(failure)
}

function sayKept(draft: Draft): void {
  toStderr(line`Your text is kept in ${draft.file}\n`)
}
