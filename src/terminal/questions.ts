// Questions to a person, on stderr so that stdout stays the result's. Never asked unless stdin and stderr are both a
// terminal: a prompt without anybody behind it hangs or takes the first choice. Called as patronictl, questions are asked as
// patronictl asks them, also of a pipe.

import { failed, type Result } from '../model/failure.ts'
import { isPatronictl } from './drop-in.ts'
import { askLine, confirmLine } from './line-questions.ts'

/** False: every question must be answered by a flag. */
export function canAsk(): boolean {
  return isPatronictl() || (process.stdin.isTTY === true && process.stderr.isTTY === true)
}

export function notATerminal<T>(question: string, flags: string): Result<T> {
  return failed({ kind: 'not-a-terminal', question, flags })
}

/** What is wrong with an answer; null: nothing. */
export type Objection = (answer: string) => string | null | Promise<string | null>

/** An empty answer takes `suggestion`. A wrong one is said at once and asked again: the answers before it are kept. */
export async function askText(
  message: string,
  suggestion: string,
  objection: Objection = () => null,
): Promise<Result<string>> {
  if (isPatronictl()) return askLine(message, suggestion)
  const validate = async (answer: string): Promise<string | true> => (await objection(answer)) ?? true
  return asked(async ({ input }, context) => input({ message, default: suggestion, validate }, context))
}

/** What is typed is not shown. */
export async function askSecret(message: string): Promise<Result<string>> {
  return asked(async ({ password }, context) => password({ message }, context))
}

/** `byDefault`: what the return key alone answers. */
export async function askYesNo(message: string, byDefault = false): Promise<Result<boolean>> {
  if (isPatronictl()) return confirmLine(message, byDefault)
  return asked(async ({ confirm }, context) => confirm({ message, default: byDefault }, context))
}

type Prompts = typeof import('./prompts-package.ts')

async function asked<T>(
  ask: (prompts: Prompts, context: { readonly output: NodeJS.WriteStream }) => Promise<T>,
): Promise<Result<T>> {
  // The package takes 50 ms to load, which a command that asks nothing should not pay.
  const prompts = await import('./prompts-package.ts')
  try {
    return { ok: true, value: await ask(prompts, { output: process.stderr }) }
  } catch (error) {
    if (error instanceof Error && error.name === 'ExitPromptError') return failed({ kind: 'interrupted' })
    throw error
  }
}
