// The base of every operator command: the global options, and the one way to end, so that each command is only flags
// in, one call, result out. Results go to stdout, everything else to stderr.

import { stripVTControlCharacters } from 'node:util'
import { Command, Errors, Flags } from '@oclif/core'
import { type Failure, failed, type Result } from '../model/command/failure.ts'
import { eitherOf, nearestNames } from '../model/command/nearest.ts'
import { isPrintable, printableData, printableJson } from '../model/command/printable.ts'
import type { Millis } from '../model/units.ts'
import { stringifyExact } from '../wire/exact-json.ts'
import { describeFailure, errorText, type ShownError } from './error-table.ts'
import { EXIT, processExitCode } from './exit-codes.ts'
import { type Printed, print } from './print.ts'

/** Seconds, or a number with `ms`, `s`, `m`, `h`. */
export const durationFlag = Flags.custom<Millis>({
  parse: async text => {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|min|h|d)?$/.exec(text.trim())
    const unit =
      { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 }[match?.[2] ?? 's'] ?? 1000
    const ms = Math.round(Number(match?.[1]) * unit)
    if (match === null || ms <= 0) throw new Error(`expected a time such as 30, 30s or 2m, not ${text}`)
    return ms
  },
})

/** An empty variable in a script must not mean a handover to, or from, anybody. */
export const memberFlag = Flags.custom<string>({
  helpValue: 'MEMBER',
  parse: async text => {
    if (text.trim() === '') throw new Error('expected the name of a member, not an empty one')
    if (!isPrintable(text)) throw new Error('expected the name of a member, which has no control characters')
    return text
  },
})

/** An option of Patroni's commands, for Citus. It is refused by name, so that nobody takes it for a typing error. */
const groupFlag = Flags.custom<string>({
  hidden: true,
  helpGroup: 'GLOBAL',
  parse: async text => {
    if (!/^-?\d+$/.test(text)) throw new Error(`expected the number of a Citus group, not ${text}`)
    throw new Error(
      `group ${text} is one of a Citus cluster, and hactl knows no Citus clusters: leave it out`,
    )
  },
})

/** Patroni's three, which may also stand before the command (argv.ts), and hactl's two. */
export const GLOBAL_FLAGS = {
  'config-file': Flags.string({
    char: 'c',
    env: 'PATRONICTL_CONFIG_FILE',
    helpGroup: 'GLOBAL',
    helpValue: 'FILE',
    summary: "YAML file, or directory of them; the agent's own file will do.",
  }),
  'dcs-url': Flags.string({
    char: 'd',
    aliases: ['dcs'],
    env: 'DCS_URL',
    helpGroup: 'GLOBAL',
    helpValue: 'URL',
    summary: 'etcd in place of the configured one, e.g. etcd3://10.0.0.1:2379/service.',
  }),
  insecure: Flags.boolean({
    char: 'k',
    helpGroup: 'GLOBAL',
    summary:
      "Do not verify the certificates of the members' REST API, and send its password to members on plain http too.",
  }),
  group: groupFlag(),
  json: Flags.boolean({
    helpGroup: 'GLOBAL',
    summary: "Print hactl's typed result (and errors) as one JSON document on stdout, and nothing else.",
  }),
  timeout: durationFlag({
    helpGroup: 'GLOBAL',
    helpValue: 'SECONDS',
    summary: 'Longest time the command may take: 10 s, or 60 s where it waits for the cluster.',
  }),
}

export interface GlobalFlags {
  readonly 'config-file'?: string | undefined
  readonly 'dcs-url'?: string | undefined
  readonly insecure: boolean
  readonly json: boolean
  readonly timeout?: Millis | undefined
}

export const READ_TIMEOUT_MS: Millis = 10_000
export const WAIT_TIMEOUT_MS: Millis = 60_000

/** The parser's headline may be empty of content: the problem is named below it. */
function whatIsWrong(message: string): string {
  const [first = '', second = ''] = message.split('\n')
  const name = second.trim().split(/\s{2,}/)[0] ?? ''
  const found = first.endsWith(' occurred:')
    ? second.trim()
    : first.endsWith(':')
      ? `${first} ${name}`
      : first
  // Each with the value of a switch, which nobody typed.
  return found.replace('=true ', ' ').replace(/^(Missing required flag) (?=\w)/, '$1 --')
}

/** What every command does when its flags or arguments are wrong. */
export abstract class ParsedCommand extends Command {
  /** Wrong flags and arguments, in the same form as every other error. */
  protected override async catch(
    error: Error & { readonly oclif?: { readonly exit?: number } },
  ): Promise<void> {
    // On a terminal the parser colours its words.
    const said = stripVTControlCharacters(error.message)
    const badValue = /^Parsing --(\S+) \n\t([^\n]*)/.exec(said)
    // `this.exit` throws to end a command that has printed everything.
    const ended = 'code' in error && error.code === 'EEXIT'
    if (ended || (error.oclif?.exit !== EXIT.usage && badValue === null)) throw error
    // Otherwise oclif warns, in development, that the command did not parse its flags: it tried, and that failed.
    this.parsed = true
    const text = badValue === null ? whatIsWrong(said) : `--${badValue[1]}: ${badValue[2]}`
    const message = text.replace(/^./, first => first.toLowerCase())
    const help = `see ${this.config.bin} ${(this.id ?? '').replaceAll(':', ' ')} --help`
    const meant = this.flagsMeant(message)
    const hint = meant.length > 0 ? `did you mean ${eitherOf(meant)}? ${help}` : help
    endWith(this.argv.includes('--json'), { kind: 'usage', message, hint, isLine: true })
  }

  private flagsMeant(message: string): readonly string[] {
    const wrong = /^nonexistent flags?: --([\w-]+)/.exec(message)?.[1]
    if (wrong === undefined) return []
    const { flags, baseFlags } = this.ctor
    return nearestNames(wrong, Object.keys({ ...baseFlags, ...flags })).map(name => `--${name}`)
  }
}

export abstract class HactlCommand extends ParsedCommand {
  static override baseFlags = GLOBAL_FLAGS

  /**
   * Ends the command with the result's exit code. `text` is only asked for when `--json` is not given. A failure may
   * come with a partial value, and ends at once: a connection to a silent member may still be open.
   */
  protected conclude<T>(
    json: boolean,
    result: Result<T>,
    text: (value: T) => string,
    reader: Reader = 'people',
  ): void {
    this.show(json, result, text, reader)
    if (!result.ok) this.exit(Number(process.exitCode))
  }

  /** Prints and keeps the exit code, without ending. */
  protected show<T>(
    json: boolean,
    result: Result<T>,
    text: (value: T) => string,
    reader: Reader = 'people',
  ): void {
    conclude(json, result, text, reader)
  }

  protected fail(json: boolean, failure: Failure): void {
    endWith(json, failure)
  }
}

/** Prints the failure and ends with its exit code. */
export function endWith(json: boolean, failure: Failure): never {
  conclude(json, failed(failure), () => '')
  return Errors.exit(Number(process.exitCode))
}

function conclude<T>(
  json: boolean,
  result: Result<T>,
  text: (value: T) => string,
  reader: Reader = 'people',
): void {
  print(printed(json, result, text, reader))
  const shown = result.ok ? null : describeFailure(result.failure)
  const isLine = !result.ok && result.failure.kind === 'usage' && result.failure.isLine === true
  process.exitCode = processExitCode(shown?.exit ?? EXIT.done, process.env, isLine)
}

/**
 * For people, every text of the value is escaped before `text` gets it, so that each line end is one of ours. A format
 * for programs escapes by itself (JSON, YAML), or not at all (`bytes`).
 */
type Reader = 'people' | 'programs' | 'bytes'

/** A command's output: each frame of `--watch`, or the only one. */
export function printed<T>(
  json: boolean,
  result: Result<T>,
  text: (value: T) => string,
  reader: Reader = 'people',
): Printed {
  const { value } = result
  if (json) {
    const shown = result.ok ? null : describeFailure(result.failure)
    return { out: `${jsonText(jsonDocument(value, shown))}\n`, err: '' }
  }
  const shown = result.ok ? null : describeFailure(printableData(result.failure))
  const out = value === null ? '' : text(reader === 'people' ? printableData(value) : value)
  return { out, err: shown === null ? '' : errorText(shown), isRaw: reader === 'bytes' }
}

/** What `--json` prints: one document, with positions as plain numbers. */
export function jsonText(document: unknown): string {
  return printableJson(stringifyExact(document, 2))
}

function jsonDocument(value: unknown, shown: ShownError | null): Readonly<Record<string, unknown>> {
  const error =
    shown === null
      ? null
      : { kind: shown.kind, message: shown.message, hint: shown.hint, exitCode: shown.exit }
  return { ok: shown === null, error, ...(typeof value === 'object' ? value : {}) }
}
