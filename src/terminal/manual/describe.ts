// One description of all commands, from the same source as `--help`: the manual page, docs/commands.md and the shell
// completion are rendered from it, so that they cannot disagree.

import { EXIT_MEANINGS, type ExitCode } from '../exit-codes.ts'

export interface Manual {
  readonly commands: readonly CommandDescription[]
  /** Options that every operator's command takes. */
  readonly globalOptions: readonly OptionDescription[]
  readonly exitCodes: readonly (readonly [ExitCode, string])[]
  readonly environment: readonly (readonly [string, string])[]
}

export interface CommandDescription {
  readonly name: string
  readonly summary: string
  readonly description: string
  readonly takes: readonly ArgumentDescription[]
  readonly options: readonly OptionDescription[]
  readonly takesGlobalOptions: boolean
  readonly examples: readonly { readonly description: string; readonly command: string }[]
}

interface ArgumentDescription {
  /** As in a synopsis: `[CLUSTER...]`. */
  readonly synopsis: string
  readonly description: string
  readonly choices: readonly string[]
}

export interface OptionDescription {
  readonly long: string
  readonly short: string | null
  readonly aliases: readonly string[]
  /** null: it is a switch. */
  readonly value: string | null
  readonly choices: readonly string[]
  readonly negatable: boolean
  readonly repeatable: boolean
  readonly summary: string
}

/** The part of oclif's description of a command that is used; both a loaded command and its class have it. */
interface CommandSource {
  readonly id: string
  readonly hidden?: boolean | undefined
  readonly summary?: string | undefined
  readonly description?: string | undefined
  readonly args: Readonly<Record<string, ArgumentSource>>
  readonly flags: Readonly<Record<string, OptionSource>>
  readonly examples?:
    | readonly (string | { readonly description?: string; readonly command: string })[]
    | undefined
}

interface ArgumentSource {
  readonly description?: string | undefined
  readonly required?: boolean | undefined
  readonly multiple?: boolean | undefined
  readonly options?: readonly string[] | undefined
}

interface OptionSource {
  readonly char?: string | undefined
  readonly aliases?: readonly string[] | undefined
  readonly type?: string | undefined
  readonly helpValue?: string | readonly string[] | undefined
  readonly options?: readonly string[] | undefined
  readonly allowNo?: boolean | undefined
  readonly multiple?: boolean | undefined
  readonly summary?: string | undefined
  readonly description?: string | undefined
  readonly helpGroup?: string | undefined
  readonly hidden?: boolean | undefined
}

const ENVIRONMENT: Manual['environment'] = [
  ['PATRONI_*', 'The configuration without a file, or over it, as Patroni reads it.'],
  ['PATRONICTL_CONFIG_FILE', 'The file, when --config-file is not given.'],
  ['DCS_URL', 'As --dcs-url.'],
  ['EDITOR', 'The program that edit-config opens.'],
  ['HACTL_EXIT_CODES', "With the value patronictl the exit codes are patronictl's: 0, 1 and 2."],
  ['NO_COLOR, FORCE_COLOR', 'Colours off, or on also without a terminal.'],
]

export function describeCommands(sources: readonly CommandSource[]): Manual {
  const shown = sources.filter(source => source.hidden !== true).toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const described = shown.map(describeCommand)
  const withGlobal = shown.find(source => Object.values(source.flags).some(isGlobal))
  return {
    commands: described,
    globalOptions: optionsOf(withGlobal?.flags ?? {}, isGlobal),
    exitCodes: EXIT_MEANINGS,
    environment: ENVIRONMENT,
  }
}

function isGlobal(option: OptionSource): boolean {
  return option.helpGroup === 'GLOBAL'
}

function describeCommand(source: CommandSource): CommandDescription {
  return {
    name: source.id.replaceAll(':', ' '),
    summary: source.summary ?? source.description?.split('\n')[0] ?? '',
    description: source.description ?? '',
    takes: Object.entries(source.args).map(([name, argument]) => describeArgument(name, argument)),
    options: optionsOf(source.flags, option => !isGlobal(option)),
    takesGlobalOptions: Object.values(source.flags).some(isGlobal),
    examples: (source.examples ?? []).map(example =>
      typeof example === 'string'
        ? { description: '', command: withBin(example) }
        : { description: example.description ?? '', command: withBin(example.command) },
    ),
  }
}

function withBin(text: string): string {
  return text.replaceAll(/<%= *config\.bin *%>/g, 'hactl')
}

function describeArgument(name: string, argument: ArgumentSource): ArgumentDescription {
  const word = `${name.toUpperCase()}${argument.multiple === true ? '...' : ''}`
  return {
    synopsis: argument.required === true ? word : `[${word}]`,
    description: argument.description ?? '',
    choices: argument.options ?? [],
  }
}

function optionsOf(
  flags: Readonly<Record<string, OptionSource>>,
  wanted: (option: OptionSource) => boolean,
): readonly OptionDescription[] {
  return Object.entries(flags)
    .filter(([, option]) => option.hidden !== true && wanted(option))
    .map(([long, option]) => ({
      long,
      short: option.char ?? null,
      aliases: option.aliases ?? [],
      value: option.type === 'boolean' ? null : valueWord(long, option),
      choices: option.options ?? [],
      negatable: option.allowNo ?? false,
      repeatable: option.multiple ?? false,
      summary: option.summary ?? option.description ?? '',
    }))
    .sort((a, b) => (a.long < b.long ? -1 : 1))
}

function valueWord(long: string, option: OptionSource): string {
  if (option.options !== undefined) return option.options.join('|')
  return typeof option.helpValue === 'string' ? option.helpValue : long.toUpperCase()
}

/** `-f, --format pretty|tsv`, as both documents print it. */
export function optionTerm(option: OptionDescription): string {
  const long = `--${option.negatable ? '[no-]' : ''}${option.long}`
  const names = [
    ...(option.short === null ? [] : [`-${option.short}`]),
    long,
    ...option.aliases.map(alias => `--${alias}`),
  ]
  const value = option.value === null ? '' : ` ${option.value}`
  return `${names.join(', ')}${value}${option.repeatable ? ' …' : ''}`
}

export function synopsis(command: CommandDescription): string {
  return ['hactl', command.name, ...command.takes.map(argument => argument.synopsis), '[OPTIONS]'].join(' ')
}
