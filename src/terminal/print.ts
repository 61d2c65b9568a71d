// The one way to stdout and stderr of a command. Whatever came from elsewhere is escaped on its way: a text passes with
// line ends and tabs only, and colours and movements of the cursor are added after that. A line end inside of data is
// escaped before, where the data becomes text: by `line`, or by `printableData` on a whole report.

import { styleText } from 'node:util'
import { printable } from '../model/command/printable.ts'

/** A command's output: `out` goes to stdout, `err` to stderr. */
export interface Printed {
  readonly out: string
  readonly err: string
  /** `out` is for programs, byte for byte: the rows of `query --format tsv`. */
  readonly isRaw?: boolean
}

type Paint = (escaped: string) => string

const AS_IT_IS: Paint = escaped => escaped

/** A template whose parts are ours, and whose values are not. */
export function line(ours: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  return String.raw({ raw: ours }, ...values.map(value => printable(String(value))))
}

/** `paint`: colours on a terminal that wants them. */
export function toStdout(text: string, paint: Paint = AS_IT_IS): void {
  const escaped = escapedText(text)
  process.stdout.write(process.stdout.isTTY ? paint(escaped) : escaped)
}

export function toStderr(text: string): void {
  process.stderr.write(escapedText(text))
}

export function print({ out, err, isRaw = false }: Printed): void {
  process.stdout.write(isRaw ? out : escapedText(out))
  process.stderr.write(painted(escapedText(err)))
}

const HOME = '\u001b[H'
const REST_OF_LINE_AWAY = '\u001b[K'
const REST_OF_SCREEN_AWAY = '\u001b[J'
const LINE_AWAY = '\r\u001b[2K'

/** In the place of the last frame, on a terminal. */
export function printOverTheLast({ out, err }: Printed): void {
  const text = escapedText(out) + painted(escapedText(err))
  process.stdout.write(HOME + text.replaceAll('\n', `${REST_OF_LINE_AWAY}\n`) + REST_OF_SCREEN_AWAY)
}

/** In the place of the line on stderr that has no end yet. */
export function overLiveLine(text: string): void {
  process.stderr.write(LINE_AWAY + printable(text))
}

/** A text of several lines, with tabs between its columns. */
export function escapedText(text: string): string {
  return text
    .split(/(?<=[\n\t])/)
    .map(escapedPart)
    .join('')
}

function escapedPart(part: string): string {
  const end = part.endsWith('\n') || part.endsWith('\t') ? part.length - 1 : part.length
  return printable(part.slice(0, end)) + part.slice(end)
}

/** Colour only where stderr is a terminal that wants it. */
function painted(err: string): string {
  return err.replace(/^error:/, label => styleText(['bold', 'red'], label, { stream: process.stderr }))
}
