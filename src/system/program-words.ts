// What a program said about its failure, for an operator: every line that matters, none of the others, bounded, and
// without a secret. PostgreSQL's programs put the cause and the consequence on lines of their own.

import { redact } from '../model/command/redact.ts'

/** Of more lines the last ones are kept: the cause is near the end. */
const LINES_MAX = 6
const LINE_CHARACTERS_MAX = 300

/** One text of the lines that say why; of all lines when none names an error; empty when there is none. */
export function wordsOf(output: string): string {
  const lines = linesOf(output).filter(line => !isAnswerToVisitor(line))
  const telling = lines.filter((_, index) => saysWhy(lines, index))
  const chosen = telling.length > 0 ? telling : lines.filter(line => !isProgress(line))
  // A connection string, or a line of a configuration file, may be quoted in a complaint.
  const words = chosen.map(line => redact(withoutPrefix(line)).slice(0, LINE_CHARACTERS_MAX))
  return [...new Set(words)].slice(-LINES_MAX).join('; ')
}

/** The same for a server's log: what else it writes says nothing about its end. */
export function serverWordsOf(log: string): string {
  const lines = linesOf(log)
  return lines.some((_, index) => saysWhy(lines, index)) ? wordsOf(log) : ''
}

function linesOf(text: string): readonly string[] {
  // A line that begins with a tab goes on with the one before.
  const lines = text.replace(/\r?\n\t+/g, ' ').split(/[\r\n]+/)
  return lines.map(line => line.trim()).filter(line => line !== '')
}

function saysWhy(lines: readonly string[], index: number): boolean {
  const line = lines[index] ?? ''
  if (/\b(?:error|fatal|panic):/i.test(line)) return true
  if (/\bLOG: /.test(line)) return CAUSE.test(line)
  if (/\b(?:detail|hint):/i.test(line)) return index > 0 && saysWhy(lines, index - 1)
  return (
    /^postgres: /.test(line) ||
    /: (?:unrecognized|invalid|ambiguous) option\b|: option .* requires /.test(line)
  )
}

/** Lines of a low level in which a server names what the FATAL after them is about. */
const CAUSE =
  /could not|unrecognized|invalid|syntax error|cannot|was terminated by|exited with exit code|denied/i

/** Said to those who connect while it starts: no reason for anything. */
function isAnswerToVisitor(line: string): boolean {
  return (
    /FATAL:\s+the database system is (?:starting up|shutting down|in recovery mode)/.test(line) ||
    /FATAL:\s+the database system is not (?:yet )?accepting connections/.test(line) ||
    /DETAIL:\s+(?:Consistent recovery state has not been yet reached|Hot standby mode is disabled)/.test(line)
  )
}

function isProgress(line: string): boolean {
  return /kB \(\s*\d+%\)|\.\.\. ok$/.test(line)
}

/** Time, process and program before the level, and the level itself where it goes without saying. */
function withoutPrefix(line: string): string {
  const level = /^.*?\b(error|fatal|panic|log|detail|hint): +(.*)$/i.exec(line)
  if (level === null) return line.replace(/^(?:\/\S*\/)?(?:pg_\w+|initdb|postgres): /, '')
  const [, name = '', text = ''] = level
  return /^(?:detail|hint)$/i.test(name) ? `${name.toLowerCase()}: ${text}` : text
}
