// The reference of all settings, written from the schema: docs/configuration.md and man/hactl.yml.5. A test compares both
// files with what these functions return; test/config/write-reference.ts writes them.

import { CONTROLLED, OWN_PARAMETERS } from '../../src/config/checks/parameter-rules.ts'
import { DYNAMIC, LOCAL } from '../../src/config/schema/schema.ts'
import type { AnySetting } from '../../src/config/schema/setting.ts'

interface Chapter {
  readonly title: string
  readonly intro: readonly string[]
  readonly settings: readonly (readonly [path: string, setting: AnySetting])[]
}

const INTRODUCTION = [
  'hactl reads the configuration of Patroni 4.1: the same YAML, the same PATRONI_* variables, the same keys in etcd.',
  'There are two configurations. The local one belongs to one node: a file, or a directory whose *.yml and *.yaml files are ' +
    'merged in the order of their names. The dynamic one is a JSON document in etcd and belongs to the whole cluster; it is ' +
    'changed with hactl edit-config.',
  'A key is taken from the first of these that has it: the environment variable, the local file, the dynamic configuration, ' +
    'the default. Keys of the dynamic configuration that are not marked "both" are ignored in the local file, with a warning. ' +
    'A local key replaces the dynamic one as a whole; only postgresql.parameters is merged, name by name.',
  'Everything that is wrong is reported at once, with file, line and a hint. An unknown key, or a key in the wrong place, is a ' +
    'warning; a wrong type or a contradiction is an error. A dynamic configuration with an error is not stored by ' +
    '`hactl edit-config` or the REST API. What stands in etcd all the same is repaired value by value, in the same way by every node, ' +
    'with a warning each: a number outside its limits becomes the nearest one, a fraction is rounded, anything else counts as the default. ' +
    'A document that is no JSON object leaves the last good one in force; an agent that has seen no other does not lead, and answers 503 to /replica, ' +
    'until it is mended.',
  'If the file does not exist, the variable PATRONI_CONFIGURATION may hold the whole document; all other variables are then ' +
    'ignored. YAML is read by the rules of version 1.1: on, off, yes and no are booleans, 0777 is octal, 1:30 is 90.',
]

const TAGS: readonly (readonly [tag: string, about: string])[] = [
  ['nofailover', 'true: this node never becomes leader.'],
  ['failover_priority', 'Integer, default 1: at equal WAL the higher one wins; 0 or less means nofailover.'],
  ['noloadbalance', 'true: the checks for replicas (GET /replica and the like) answer 503.'],
  ['clonefrom', 'true: preferred source of base backups.'],
  ['nosync', 'true: never a synchronous standby.'],
  ['sync_priority', 'Integer, default 1: preference as synchronous standby; 0 or less means nosync.'],
  ['replicatefrom', 'Name of the member to stream from.'],
  ['nostream', 'true: no streaming, only WAL from the archive.'],
]

function chapters(): readonly Chapter[] {
  const local = Object.entries<AnySetting>(LOCAL)
  const section = (title: string, names: readonly string[], intro: readonly string[] = []): Chapter => {
    return { title, intro, settings: local.filter(([path]) => names.includes(path.split('.')[0] ?? '')) }
  }
  const general = ['scope', 'namespace', 'name', 'hactl', 'thread_pool_size', 'thread_stack_size']
  return [
    section('General', general),
    section('log', ['log']),
    section('restapi', ['restapi']),
    section('ctl', ['ctl'], ['How hactl calls the REST API of other members.']),
    section(
      'etcd3',
      ['etcd3'],
      [
        'The section may also be called etcd; it is then read as etcd3, with a warning. Sections of other stores are refused.',
      ],
    ),
    section(
      'bootstrap',
      ['bootstrap'],
      ['Used once, when the cluster is created. Without this section a node never creates one.'],
    ),
    section('postgresql', ['postgresql']),
    section('tags and watchdog', ['tags', 'watchdog']),
    section('citus', ['citus']),
    {
      title: 'Dynamic configuration',
      intro: [DYNAMIC_INTRO],
      settings: Object.entries<AnySetting>(DYNAMIC).filter(([, { where }]) => where === 'dynamic'),
    },
  ]
}

const DYNAMIC_INTRO =
  'Its first value is bootstrap.dcs. The keys of postgresql marked "both" above may stand here too. If loop_wait + ' +
  '2 × retry_timeout exceeds ttl, the two are lowered as Patroni lowers them, with a warning.'

const PARAMETERS_INTRO =
  'These parameters of PostgreSQL must agree on all nodes. They are read from postgresql.parameters of the dynamic ' +
  `configuration only; a value that is not accepted is replaced by the default, with a warning. ${OWN_PARAMETERS.join(', ')} ` +
  'are never read: they follow from postgresql.listen and scope.'

/** docs/configuration.md */
export function renderConfigReference(): string {
  const tables = chapters().flatMap(({ title, intro, settings }) => [
    `## ${title}`,
    ...intro.map(prose),
    table(
      ['Key', 'Type', 'Default', 'Variable', 'Meaning'],
      settings.map(([path, setting]) => [
        code(path),
        setting.leaf.type,
        prose(setting.shown),
        setting.env === null ? '' : code(setting.env),
        prose([setting.about, ...remarks(setting)].join(' ')),
      ]),
    ),
  ])
  const parameters = Object.entries(CONTROLLED).map(([name, { fallback, accepts }]) => [
    code(name),
    String(fallback ?? ''),
    accepts,
  ])
  const blocks = [
    '# Configuration',
    '<!-- Written by test/config/write-reference.ts from src/config/schema*.ts. Do not edit. -->',
    ...INTRODUCTION.map(prose),
    ...tables,
    '## Tags',
    'Any other tag is published as it is. nofailover and nosync win over their priorities, with a warning when they contradict.',
    table(
      ['Tag', 'Meaning'],
      TAGS.map(([tag, about]) => [code(tag), about]),
    ),
    '## Parameters that only the dynamic configuration decides',
    PARAMETERS_INTRO,
    table(['Parameter', 'Default', 'Accepted'], parameters),
  ]
  return `${blocks.join('\n\n')}\n`
}

/** What the table cannot say in a column of its own, because it is rare. */
function remarks(setting: AnySetting): readonly string[] {
  return [
    ...(setting.where === 'both' ? ['(both)'] : []),
    ...(setting.reloadable ? [] : ['Needs a restart of hactl.']),
    ...(setting.support.kind === 'later' ? [`Not supported yet: ${setting.support.consequence}.`] : []),
    ...(setting.support.kind === 'never' ? [`No effect: ${setting.support.consequence}.`] : []),
  ]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** Stars and angle brackets mean something to Markdown. */
function prose(text: string): string {
  return text.replace(/[*<]/g, '\\$&')
}

function code(text: string): string {
  return `\`${text}\``
}

/** man/hactl.yml.5, in roff. */
export function renderConfigManPage(): string {
  const sections = chapters().flatMap(({ title, intro, settings }) => [
    `.SH ${roff(title.toUpperCase())}`,
    ...intro.flatMap(paragraph),
    ...settings.flatMap(([path, setting]) => manEntry(path, setting)),
  ])
  const tags = TAGS.flatMap(([tag, about]) => ['.TP', `.B ${roff(tag)}`, roff(about)])
  const parameters = Object.entries(CONTROLLED).flatMap(([name, { fallback, accepts }]) => {
    const shown = fallback === null ? '' : ` (default ${fallback})`
    return ['.TP', `.B ${roff(name)}`, roff(`${accepts}${shown}`)]
  })
  return [
    '.\\" Written by test/config/write-reference.ts from src/config/schema*.ts. Do not edit.',
    '.TH HACTL.YML 5 "" "hactl" "File formats"',
    '.SH NAME',
    'hactl.yml \\- configuration of hactl',
    '.SH DESCRIPTION',
    ...INTRODUCTION.flatMap(paragraph),
    ...sections,
    '.SH TAGS',
    ...tags,
    '.SH PARAMETERS OF THE DYNAMIC CONFIGURATION',
    ...paragraph(PARAMETERS_INTRO),
    ...parameters,
    '.SH FILES',
    ...['~/.config/patroni/patronictl.yaml', '/etc/patroni/patroni.yml', '/etc/hactl/hactl.yml'].flatMap(
      file => [
        '.TP',
        `.I ${roff(file)}`,
        'Looked for in this order by the operator\\(aqs commands, when neither \\-c nor PATRONICTL_CONFIG_FILE is given.',
      ],
    ),
    '.SH SEE ALSO',
    '.BR hactl (1)',
    '',
  ].join('\n')
}

function manEntry(path: string, setting: AnySetting): readonly string[] {
  const facts = [setting.leaf.type, setting.required ? 'required' : `default: ${setting.shown}`]
  const variable = setting.env === null ? [] : [`Variable: ${setting.env}.`]
  return [
    '.TP',
    `.BR ${roff(path)} " (${roff(facts.join('; ')).replaceAll('"', '\\(dq')})"`,
    roff([setting.about, ...remarks(setting), ...variable].join(' ')),
  ]
}

function paragraph(text: string): readonly string[] {
  return ['.PP', roff(text)]
}

/** Backslashes, hyphens and leading dots mean something to roff; characters outside ASCII get their names. */
function roff(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replaceAll('×', '\\(mu')
    .replaceAll('→', '\\(->')
    .replaceAll('…', '...')
  return escaped.startsWith('.') ? `\\&${escaped}` : escaped
}
