// The manual page hactl(1) in roff, and docs/commands.md, both from one description.

import {
  type CommandDescription,
  type Manual,
  type OptionDescription,
  optionTerm,
  synopsis,
} from './describe.ts'

const ABOUT =
  'hactl keeps PostgreSQL available: hactl agent runs on every database node; every other command is an ' +
  "operator's tool that talks to etcd and to the agents' REST API. It reads the same configuration as " +
  'Patroni, from a file or from PATRONI_* variables.'
const GLOBAL_NOTE = 'They may come before or after the command.'
const EXIT_NOTE = 'A command that changes something waits for the end state and reports the outcome.'
const JSON_NOTE =
  'With --json stdout holds one JSON document: ok, error (kind, message, hint, exitCode) and the fields of' +
  ' the result, in a shape that is pinned by a schema. Positions and lags are bytes; null means not known.'

export function manPage(manual: Manual): string {
  const lines = [
    '.\\" Written by hactl manual; do not edit.',
    '.TH HACTL 1 "" hactl "hactl manual"',
    '.SH NAME',
    'hactl \\- keep PostgreSQL available, and operate the clusters that do',
    '.SH SYNOPSIS',
    '.B hactl',
    '.RI [ OPTIONS ] " " COMMAND " " [ ARGUMENTS ]',
    '.SH DESCRIPTION',
    roff(ABOUT),
    '.PP',
    roff(JSON_NOTE),
    '.SH GLOBAL OPTIONS',
    roff(GLOBAL_NOTE),
    ...manual.globalOptions.flatMap(roffOption),
    '.SH COMMANDS',
    ...manual.commands.flatMap(roffCommand),
    '.SH EXIT STATUS',
    roff(EXIT_NOTE),
    ...manual.exitCodes.flatMap(([code, meaning]) => ['.TP', `.B ${code}`, roff(meaning)]),
    '.SH ENVIRONMENT',
    ...manual.environment.flatMap(([name, meaning]) => ['.TP', `.B ${roff(name)}`, roff(meaning)]),
    '.SH FILES',
    ...['~/.config/patroni/patronictl.yaml', '/etc/patroni/patroni.yml', '/etc/hactl/hactl.yml'].flatMap(
      file => ['.TP', `.I ${roff(file)}`],
    ),
    'Tried in this order when no file is named.',
    '.SH SEE ALSO',
    '.BR hactl.yml (5)',
  ]
  return `${lines.join('\n')}\n`
}

function roffCommand(command: CommandDescription): readonly string[] {
  return [
    `.SS ${roff(synopsis(command))}`,
    roff(command.summary),
    ...(command.description === '' || command.description === command.summary
      ? []
      : ['.PP', roff(command.description)]),
    ...command.takes.flatMap(({ synopsis: term, description }) => [
      '.TP',
      `.I ${roff(term)}`,
      roff(description),
    ]),
    ...command.options.flatMap(roffOption),
    ...command.examples.flatMap(example => [
      ...(example.description === '' ? [] : ['.PP', roff(example.description)]),
      ...['.PP', '.nf', '.RS 4'],
      roff(example.command),
      '.RE',
      '.fi',
    ]),
  ]
}

function roffOption(option: OptionDescription): readonly string[] {
  return ['.TP', `.B ${roff(optionTerm(option))}`, roff(option.summary)]
}

/** Backslashes and hyphens as such; a line must not begin with a request's dot or quote. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/\n+/g, '\n.PP\n')
    .replace(/^(?=['.](?!PP$))/gm, '\\&')
}

export function markdownPage(manual: Manual): string {
  const lines = [
    '# Commands',
    '',
    '<!-- Written by `hactl manual --format markdown`; do not edit. -->',
    '',
    ABOUT,
    '',
    JSON_NOTE,
    'The schemas are in [test/commands/schemas](../test/commands/schemas).',
    '',
    ...manual.commands.map(
      ({ name, summary }) => `- [\`hactl ${name}\`](#hactl-${name.replaceAll(' ', '-')}): ${summary}`,
    ),
    '',
    '## Global options',
    '',
    GLOBAL_NOTE,
    '',
    ...markdownOptions(manual.globalOptions),
    '',
    '## Exit codes',
    '',
    EXIT_NOTE,
    '',
    '| Code | Meaning |',
    '|---|---|',
    ...manual.exitCodes.map(([code, meaning]) => `| ${code} | ${meaning} |`),
    '',
    '## Environment',
    '',
    '| Variable | Meaning |',
    '|---|---|',
    ...manual.environment.map(([name, meaning]) => `| \`${name}\` | ${meaning} |`),
    ...manual.commands.flatMap(markdownCommand),
  ]
  return `${lines.join('\n')}\n`
}

function markdownCommand(command: CommandDescription): readonly string[] {
  const more = command.description !== '' && command.description !== command.summary
  return [
    '',
    `## hactl ${command.name}`,
    '',
    command.summary,
    ...(more ? ['', command.description] : []),
    '',
    '```',
    synopsis(command),
    '```',
    ...(command.takes.length === 0 ? [] : ['']),
    ...command.takes.map(({ synopsis: term, description }) => `- \`${term}\`: ${description}`),
    ...(command.options.length === 0 ? [] : ['', ...markdownOptions(command.options)]),
    ...command.examples.flatMap(example => [
      ...(example.description === '' ? [] : ['', example.description]),
      ...['', '```sh', example.command, '```'],
    ]),
  ]
}

function markdownOptions(options: readonly OptionDescription[]): readonly string[] {
  const cell = (text: string) => text.replaceAll('|', '\\|')
  return [
    '| Option | Meaning |',
    '|---|---|',
    ...options.map(option => `| \`${cell(optionTerm(option))}\` | ${cell(option.summary)} |`),
  ]
}
