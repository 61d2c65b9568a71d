// Questions as patronictl asks them: a line on stdout, and the answer is the next line of stdin, whoever writes it. For
// the drop-in only (`echo y | patronictl …`, expect): hactl itself asks on a terminal, or not at all.

import { done, failed, type Result } from '../../model/command/failure.ts'
import { line, toStderr, toStdout } from '../print.ts'

/** No answer is that long; input without a line end must not be read for ever. */
const ANSWER_LENGTH_MAX = 65_536

const input: { read: string; isOver: boolean } = { read: '', isOver: false }

/** `suggestion` is what an empty line means; null: an empty line is asked again. */
export async function askLine(message: string, suggestion: string | null): Promise<Result<string>> {
  for (;;) {
    const typed = await ask(suggestion === null ? line`${message}: ` : line`${message} [${suggestion}]: `)
    if (typed === null) return failed({ kind: 'interrupted' })
    if (typed !== '') return done(typed)
    if (suggestion !== null) return done(suggestion)
  }
}

export async function confirmLine(message: string, byDefault: boolean): Promise<Result<boolean>> {
  for (;;) {
    const typed = await ask(line`${message} ${byDefault ? '[Y/n]' : '[y/N]'}: `)
    if (typed === null) return failed({ kind: 'interrupted' })
    const word = typed.trim().toLowerCase()
    if (word === '') return done(byDefault)
    if (['y', 'yes'].includes(word)) return done(true)
    if (['n', 'no'].includes(word)) return done(false)
    output()('Error: invalid input\n')
  }
}

/** null: stdin has ended, or Ctrl-C. */
async function ask(question: string): Promise<string | null> {
  output()(question)
  const interrupted = new AbortController()
  const interrupt = (): void => interrupted.abort()
  process.once('SIGINT', interrupt)
  try {
    return await nextLine(interrupted.signal)
  } finally {
    process.off('SIGINT', interrupt)
  }
}

/** With `--json` nothing but the document is on stdout. */
function output(): (text: string) => void {
  return process.argv.includes('--json') ? toStderr : toStdout
}

async function nextLine(signal: AbortSignal): Promise<string | null> {
  for (;;) {
    const end = input.read.indexOf('\n')
    if (end >= 0) {
      const line = input.read.slice(0, end)
      input.read = input.read.slice(end + 1)
      return line.replace(/\r$/, '')
    }
    if (input.isOver || input.read.length > ANSWER_LENGTH_MAX) {
      const rest = input.read
      input.read = ''
      return rest === '' ? null : rest
    }
    const chunk = await nextChunk(signal)
    if (signal.aborted) return null
    if (chunk === null) input.isOver = true
    else input.read += chunk
  }
}

/** null: stdin has ended. Reads one chunk at a time, so that the process can end while somebody still writes. */
function nextChunk(signal: AbortSignal): Promise<string | null> {
  const { stdin } = process
  stdin.setEncoding('utf8')
  return new Promise(resolve => {
    const settle = (chunk: string | null): void => {
      stdin.off('data', settle).off('end', onEnd).off('error', onEnd)
      signal.removeEventListener('abort', onEnd)
      stdin.pause()
      resolve(chunk)
    }
    const onEnd = (): void => settle(null)
    if (stdin.readableEnded || stdin.destroyed) return resolve(null)
    stdin.on('data', settle).on('end', onEnd).on('error', onEnd).resume()
    signal.addEventListener('abort', onEnd)
  })
}
