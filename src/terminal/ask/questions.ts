// Questions to a person, on stderr so that stdout stays the result's. Never asked unless stdin and stderr are both a
// terminal: a prompt without anybody behind it hangs or takes the first choice. Called as patronictl, questions are
// asked as patronictl asks them, also of a pipe.

import { failed, type Result } from '../../model/command/failure.ts'
import { isPrintable, printable } from '../../model/command/printable.ts'
import { isPatronictl } from '../drop-in/drop-in.ts'
import { askLine, confirmLine } from './line-questions.ts'

/** False: every question must be answered by a flag. */
export function canAsk(): boolean {
  return isPatronictl() || (process.stdin.isTTY === true && process.stderr.isTTY === true)
}

export function notATerminal<T>(question: string, flags: string): Result<T> {
  return failed({ kind: 'not-a-terminal', question, flags })
}

/** The objection to an answer; null: none. */
export type Objection = (answer: string) => string | null | Promise<string | null>

/** The typed text disappears with the objection, so that the next answer is not appended to it. */
const ASKED_ANEW = { validationFailureMode: 'clear' } as const

/** An empty answer takes `suggestion`. A wrong one is refused at once and asked for again: earlier answers are kept. */
export async function askText(
  message: string,
  suggestion: string,
  objection: Objection = () => null,
): Promise<Result<string>> {
  if (isPatronictl()) return askLine(message, suggestion)
  const validate = async (answer: string): Promise<string | true> => {
    const why = await objection(answer)
    return why === null ? true : printable(why)
  }
  return asked(async ({ input }, context) =>
    input(
      {
        ...{ message: printable(message), validate, theme: ASKED_ANEW },
        default: isPrintable(suggestion) ? suggestion : '',
      },
      context,
    ),
  )
}

/** The answer is not shown while it is typed. */
export async function askSecret(message: string): Promise<Result<string>> {
  return asked(async ({ password }, context) => password({ message: printable(message) }, context))
}

/** `byDefault`: the answer of the return key alone. */
export async function askYesNo(message: string, byDefault = false): Promise<Result<boolean>> {
  if (isPatronictl()) return confirmLine(message, byDefault)
  return asked(async ({ confirm }, context) =>
    confirm({ message: printable(message), default: byDefault }, context),
  )
}

type Prompts = typeof import('./prompts-package.ts')

interface Context {
  readonly output: NodeJS.WriteStream
  readonly signal: AbortSignal
}

const GIVEN_UP = ['ExitPromptError', 'AbortPromptError']

async function asked<T>(ask: (prompts: Prompts, context: Context) => Promise<T>): Promise<Result<T>> {
  // The package takes 50 ms to load, which a command that asks nothing should not pay.
  const prompts = await import('./prompts-package.ts')
  const givenUp = new AbortController()
  // Ctrl-D ends the input, but the package ignores that and would wait for ever.
  const onKey = (_: unknown, key: { readonly ctrl?: boolean; readonly name?: string } | undefined): void => {
    if (key?.ctrl === true && key.name === 'd') givenUp.abort()
  }
  const onEnd = (): void => givenUp.abort()
  process.stdin.on('keypress', onKey).once('end', onEnd)
  try {
    return { ok: true, value: await ask(prompts, { output: process.stderr, signal: givenUp.signal }) }
  } catch (error) {
    if (error instanceof Error && GIVEN_UP.includes(error.name)) return failed({ kind: 'interrupted' })
    throw error
  } finally {
    process.stdin.off('keypress', onKey).off('end', onEnd)
  }
}
