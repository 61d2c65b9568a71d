// Python's logging formats, as far as Patroni's configuration uses them: %-style lines and strftime dates. A record is one
// line, whatever is in its values.

import { printable } from '../model/command/printable.ts'

export type FieldValues = Readonly<Record<string, unknown>>

const LINE_FIELD = /%(?:%|\((\w+)\)([-0 +#]*)(\d*)(?:\.(\d+))?([diouxXeEfFgGcrsa]))/g

/** `%(name)s` with flags, width and precision. A field that is missing is empty: a log line is never lost for it. */
export function formatLine(format: string, values: FieldValues): string {
  return format.replace(LINE_FIELD, (whole, name, flags, width, precision, type) => {
    if (whole === '%%') return '%'
    const text = convert(values[name], type, precision)
    const left = String(flags).includes('-')
    const zeros = String(flags).includes('0') && !left && 'diouxXeEfFgG'.includes(type)
    return left ? text.padEnd(Number(width)) : text.padStart(Number(width), zeros ? '0' : ' ')
  })
}

/** Names of the fields that a format mentions, in order, each once. */
export function fieldsOf(format: string): readonly string[] {
  return [...new Set([...format.matchAll(/%\((\w+)\)/g)].map(match => match[1] ?? ''))]
}

function convert(value: unknown, type: string, precision: string | undefined): string {
  if (value === undefined || value === null) return ''
  if (type === 'd' || type === 'i' || type === 'u') return String(Math.trunc(Number(value)))
  if (type === 'x') return Math.trunc(Number(value)).toString(16)
  if (type === 'X') return Math.trunc(Number(value)).toString(16).toUpperCase()
  if (type === 'f' || type === 'F')
    return Number(value).toFixed(precision === undefined ? 6 : Number(precision))
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return printable(precision === undefined ? text : text.slice(0, Number(precision)))
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = 'January,February,March,April,May,June,July,August,September,October,November,December'.split(
  ',',
)

/** Local time as Python's logging prints it when no date format is set: `2026-11-22 21:45:06,123`. */
export function formatDefaultTime(at: Date): string {
  return `${strftime('%Y-%m-%d %H:%M:%S', at)},${pad(at.getMilliseconds(), 3)}`
}

/** The directives of strftime in the C locale, local time; an unknown one stays as it is. */
export function strftime(format: string, at: Date): string {
  return format.replace(/%(.)/g, (whole, directive) => directiveText(directive, at) ?? whole)
}

function directiveText(directive: string, at: Date): string | undefined {
  const hour12 = at.getHours() % 12 === 0 ? 12 : at.getHours() % 12
  const texts: Readonly<Record<string, () => string | undefined>> = {
    '%': () => '%',
    Y: () => pad(at.getFullYear(), 4),
    y: () => pad(at.getFullYear() % 100, 2),
    m: () => pad(at.getMonth() + 1, 2),
    d: () => pad(at.getDate(), 2),
    e: () => String(at.getDate()).padStart(2),
    H: () => pad(at.getHours(), 2),
    I: () => pad(hour12, 2),
    M: () => pad(at.getMinutes(), 2),
    S: () => pad(at.getSeconds(), 2),
    f: () => `${pad(at.getMilliseconds(), 3)}000`,
    p: () => (at.getHours() < 12 ? 'AM' : 'PM'),
    j: () => pad(dayOfYear(at), 3),
    a: () => DAYS[at.getDay()]?.slice(0, 3),
    A: () => DAYS[at.getDay()],
    b: () => MONTHS[at.getMonth()]?.slice(0, 3),
    B: () => MONTHS[at.getMonth()],
    w: () => String(at.getDay()),
    s: () => String(Math.floor(at.getTime() / 1000)),
    z: () => offset(at),
    Z: () => zoneName(at),
    F: () => strftime('%Y-%m-%d', at),
    T: () => strftime('%H:%M:%S', at),
    R: () => strftime('%H:%M', at),
    D: () => strftime('%m/%d/%y', at),
    x: () => strftime('%m/%d/%y', at),
    X: () => strftime('%H:%M:%S', at),
    c: () => strftime('%a %b %e %H:%M:%S %Y', at),
  }
  return texts[directive]?.()
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

function dayOfYear(at: Date): number {
  const midnight = Date.UTC(at.getFullYear(), at.getMonth(), at.getDate())
  return Math.round((midnight - Date.UTC(at.getFullYear(), 0, 1)) / 86_400_000) + 1
}

function offset(at: Date): string {
  const minutes = -at.getTimezoneOffset()
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60), 2)}${pad(size % 60, 2)}`
}

function zoneName(at: Date): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' }).formatToParts(at)
  return parts.find(part => part.type === 'timeZoneName')?.value ?? ''
}
