// `edit-config`: what is changed, what is refused, and that nobody's change is overwritten.

import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { changeDocument, settingPath } from '../../src/admin/config/edit-config.ts'
import { editors, splitWords } from '../../src/terminal/ask/editor.ts'
import { writeDemo } from './stage/clusters.ts'
import { openStage, type Stage } from './stage/stage.ts'
import { openTerminal } from './stage/terminal.ts'

let stage: Stage
let folder: string

beforeAll(async () => {
  stage = await openStage()
  folder = await mkdtemp(join(tmpdir(), 'hactl-edit-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true })
  await stage.stop()
})
beforeEach(() => writeDemo(stage))

const config = async () => JSON.parse(await stage.get('demo/config'))

test('settings, merges and replacements, with their diffs', async () => {
  const merge = join(folder, 'merge.yml')
  await writeFile(merge, 'pause: on\npostgresql:\n  parameters: {work_mem: 4MB, max_connections: null}\n')
  const text = await stage.transcript(
    [
      [
        'edit-config',
        'demo',
        '-s',
        'loop_wait=5',
        '-p',
        'pg_stat_statements.max=100',
        '-s',
        'retry_timeout=',
        '--force',
      ],
      ['edit-config', 'demo', '-s', 'loop_wait=5', '--force'],
      ['edit-config', 'demo', '-p', 'max_connections=null', '-q', '--force'],
      ['edit-config', 'demo', '--apply', 'merge.yml', '--force'],
    ].map(args => args.map(word => (word === 'merge.yml' ? merge : word))),
  )
  await expect(text.replaceAll(folder, '/tmp')).toMatchFileSnapshot('transcripts/edit-config.txt')
  const replaced = await stage.hactl(['edit-config', 'demo', '--replace', '-', '--force'], {
    stdin: 'ttl: 20\n',
  })
  expect([replaced.code, await config()]).toEqual([0, { ttl: 20 }])
})

test('what is refused, and how it is said', async () => {
  const text = await stage.transcript([
    ['edit-config', 'demo', '-s', 'ttl=abc', '-s', 'loop_wait=-1', '--force'],
    ['edit-config', 'demo', '-s', 'ttl', '--force'],
    ['edit-config', 'demo', '-s', 'ttl=[1', '--force'],
    ['edit-config', 'demo', '--apply', '/nonexistent/file', '--force'],
    ['edit-config', 'demo', '-s', 'ttl=25'],
    ['edit-config', 'demo'],
    ['edit-config', 'nowhere', '-s', 'ttl=25'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/edit-config-refused.txt')
  const list = await stage.hactl(['edit-config', 'demo', '--apply', '-', '--force'], { stdin: '- a\n' })
  expect([list.code, list.stderr.split('\n')[0]]).toEqual([2, 'error: stdin is not a mapping (key: value)'])
  expect((await config()).ttl).toBe(30)
})

test('what is stored but will not have the effect that it seems to have is said', async () => {
  const ran = await stage.hactl([
    ...['edit-config', 'demo', '--force', '-q', '-s', 'ttl=12', '-s', 'no_such_key=1'],
    ...['-s', 'synchronous_mode=on', '-p', 'max_connections=1'],
  ])
  expect(ran.code).toBe(0)
  expect(ran.stderr.split('\n')).toEqual([
    'warning: no_such_key: is not known and has no effect',
    expect.stringContaining(
      'warning: ttl: Violated the rule "loop_wait + 2*retry_timeout <= ttl", where ttl=12',
    ),
    expect.stringContaining('warning: postgresql.parameters.max_connections: '),
    expect.stringContaining('warning: pg0, pg1, pg2 run Patroni, which does not honour ttl=12'),
    expect.stringMatching(/^warning: PostgreSQL was not asked about parameters: pg0 does not answer: /),
    expect.stringMatching(
      /^note: synchronous_mode on: the leader begins to wait for a standby within loop_wait/,
    ),
    '',
  ])
  const json = await stage.hactl(['edit-config', 'demo', '--force', '--json', '-s', 'ttl=13'])
  expect(JSON.parse(json.stdout)).toMatchObject({ stored: true, warnings: { length: 4 } })
})

test('a timing profile sets what belongs together, and is refused where a member runs Patroni and would not honour it', async () => {
  const refused = await stage.hactl(['edit-config', 'demo', '--profile', 'fast', '-q'])
  expect([refused.code, refused.stderr.split('\n').slice(-3)]).toEqual([
    3,
    [
      'error: changing the timing refused: pg0, pg1, pg2 run Patroni, which does not honour ttl=5 (Patroni uses 20), retry_timeout=2 (Patroni uses 3): an outage is as long as before while such a member leads',
      'HINT: choose --profile balanced or wide while a member runs Patroni, or store it all the same with --force.',
      '',
    ],
  ])
  expect(await config()).toMatchObject({ ttl: 30, loop_wait: 10 })
  const honoured = await stage.hactl(['edit-config', 'demo', '--profile', 'balanced', '--force', '-q'])
  expect([honoured.code, honoured.stderr]).toEqual([0, ''])
  expect(await config()).toMatchObject({ ttl: 20, loop_wait: 5, retry_timeout: 7 })
  const shown = await stage.hactl(['show-config', 'demo'])
  expect(shown.stdout.split('\n')[0]).toBe('# Timing profile: balanced')
  const forced = await stage.hactl(['edit-config', 'demo', '--profile', 'fast', '--force', '-q'])
  expect([forced.code, forced.stderr]).toEqual([0, expect.stringContaining('warning: pg0, pg1, pg2 run')])
  const json = JSON.parse((await stage.hactl(['show-config', 'demo', '--json'])).stdout)
  expect(json).toMatchObject({ profile: 'fast', patroniMembers: ['pg0', 'pg1', 'pg2'] })
  // An option that is given as well wins.
  const both = await stage.hactl([
    'edit-config',
    'demo',
    '--force',
    '-q',
    '--profile',
    'wide',
    '-s',
    'ttl=70',
  ])
  expect([both.code, await config()]).toEqual([0, expect.objectContaining({ ttl: 70, retry_timeout: 25 })])
  const unknown = await stage.hactl(['edit-config', 'demo', '--profile', 'quick', '--force'])
  expect(unknown.code).toBe(2)
})

test('an empty input replaces nothing: a program before a pipe that failed deletes no settings', async () => {
  const before = await config()
  const ran = await stage.hactl(['edit-config', 'demo', '--replace', '-', '--force'], { stdin: '\n' })
  expect([ran.code, ran.stderr.split('\n')[0]]).toEqual([2, 'error: stdin is empty'])
  expect(await config()).toEqual(before)
  const asked = await stage.hactl(['edit-config', 'demo', '--replace', '-', '--force'], { stdin: '{}' })
  expect([asked.code, await config()]).toEqual([0, {}])
})

test('a key that cannot be read is repaired as its error message says: with --replace', async () => {
  await stage.put('demo/config', 'not json')
  const edit = await stage.hactl(['edit-config', 'demo', '-s', 'ttl=20', '--force'])
  expect([edit.code, edit.stderr.includes('hactl edit-config --replace FILE')]).toEqual([3, true])
  const repair = await stage.hactl(['edit-config', 'demo', '--replace', '-', '--force'], {
    stdin: 'ttl: 20\n',
  })
  expect([repair.code, repair.stderr, await config()]).toEqual([
    0,
    expect.stringContaining('warning: ttl'),
    { ttl: 20 },
  ])
})

test('--force-invalid stores what the agents will refuse', async () => {
  const ran = await stage.hactl(['edit-config', 'demo', '-s', 'ttl=abc', '--force', '--force-invalid'])
  expect([ran.code, (await config()).ttl]).toEqual([0, 'abc'])
})

test('in an editor, with a question', async () => {
  const editor = join(folder, 'editor')
  await writeFile(editor, '#!/bin/sh\nsed -i "s/^ttl: 30/ttl: 29/" "$1"\n')
  await chmod(editor, 0o755)
  const terminal = openTerminal(['edit-config', 'demo'], { DCS_URL: stage.url, EDITOR: editor })
  await terminal.until('Apply these changes?')
  terminal.type('y\r')
  expect(await terminal.end()).toBe(0)
  expect(terminal.shown()).toContain('Configuration changed')
  expect((await config()).ttl).toBe(29)
})

/** An editor that makes the first of `edits` (sed scripts) at its first call, the next at its next. */
async function editorThat(name: string, edits: readonly string[]): Promise<string> {
  const path = join(folder, name)
  const cases = edits.map((edit, call) => `  ${call}) sed -i '${edit}' "$file" ;;`).join('\n')
  await writeFile(
    path,
    `#!/bin/sh\nfor file; do :; done\ncall=$(cat ${path}.calls 2>/dev/null || echo 0)\necho $((call + 1)) >${path}.calls\ncase $call in\n${cases}\nesac\n`,
  )
  await chmod(path, 0o755)
  return path
}

test('a text that is no YAML, then one that is not valid, is edited again from where it was left', async () => {
  const editor = await editorThat('again', [
    's/^ttl: .*/ttl: 27\\nloop_wait=5/',
    's/^loop_wait=5/# mine/',
    's/27/26/',
  ])
  const terminal = openTerminal(['edit-config', 'demo'], { DCS_URL: stage.url, EDITOR: `'${editor}' --wait` })
  await terminal.until('Edit again?')
  expect(terminal.shown()).toMatch(/error: demo-config\.yaml:\d+: is not valid YAML: /)
  terminal.type('\r')
  await terminal.until('Apply these changes?')
  terminal.type('y\r')
  expect(await terminal.end()).toBe(0)
  expect((await config()).ttl).toBe(27)
})

test('a text that is given up is kept, and the line of what is wrong is named', async () => {
  const editor = await editorThat('given-up', ['s/^ttl: .*/ttl: no-number/'])
  const env = { DCS_URL: stage.url, VISUAL: editor, EDITOR: 'false' }
  const terminal = openTerminal(['edit-config', 'demo'], env)
  await terminal.until('Edit again?')
  expect(terminal.shown()).toMatch(/error: line \d+: ttl: "no-number" is not an integer/)
  terminal.type('n\r')
  expect(await terminal.end()).toBe(3)
  const kept = /Your text is kept in (\S+)/.exec(terminal.shown())?.[1] ?? ''
  expect(await readFile(kept, 'utf8')).toMatch(/^ttl: no-number$/m)
  expect((await stat(kept)).mode & 0o077).toBe(0)
  await rm(dirname(kept), { recursive: true })
  expect((await config()).ttl).toBe(30)
})

test('words of VISUAL and EDITOR are split as a shell splits them, and none of them is run by one', () => {
  expect(splitWords(`code --wait`)).toEqual(['code', '--wait'])
  expect(splitWords(`"/opt/My Editor/bin/ed" -f 'a b' c\\ d`)).toEqual([
    '/opt/My Editor/bin/ed',
    '-f',
    'a b',
    'c d',
  ])
  expect(splitWords('emacs -nw; rm -rf $HOME `x`')).toEqual(['emacs', '-nw;', 'rm', '-rf', '$HOME', '`x`'])
  expect(splitWords('  ')).toEqual([])
  expect(editors({ VISUAL: ' ', EDITOR: 'nano' })).toEqual([['nano']])
  expect(editors({})).toEqual([['editor'], ['vi']])
})

test('an answer of no, and a change made meanwhile, leave everything as it is', async () => {
  const declined = openTerminal(['edit-config', 'demo', '-s', 'ttl=25'], { DCS_URL: stage.url })
  await declined.until('Apply these changes?')
  declined.type('\r')
  expect(await declined.end()).toBe(3)
  expect((await config()).ttl).toBe(30)
  const late = openTerminal(['edit-config', 'demo', '-s', 'ttl=25'], { DCS_URL: stage.url })
  await late.until('Apply these changes?')
  await stage.put('demo/config', { ttl: 28 })
  late.type('y\r')
  expect(await late.end()).toBe(5)
  expect(late.shown()).toContain('was changed by somebody else meanwhile')
  expect(await config()).toEqual({ ttl: 28 })
})

test('etcd that stands still after the question: what is said is that it may be stored, and how to look', async () => {
  const terminal = openTerminal(['edit-config', 'demo', '-s', 'ttl=25'], { DCS_URL: stage.url })
  await terminal.until('Apply these changes?')
  await stage.etcd.member(0).freeze()
  try {
    terminal.type('y\r')
    expect(await terminal.end()).toBe(8)
  } finally {
    stage.etcd.member(0).thaw()
  }
  expect(terminal.shown()).toContain(
    'error: the configuration may have been stored all the same: etcd did not answer',
  )
  expect(terminal.shown()).toContain('HINT: look at it with hactl show-config demo before you try again.')
})

test('an editor that fails or is not there', async () => {
  const failing = openTerminal(['edit-config', 'demo'], { DCS_URL: stage.url, EDITOR: 'false' })
  expect(await failing.end()).toBe(2)
  expect(failing.shown()).toContain('editor false exited with return code 1')
  const missing = openTerminal(['edit-config', 'demo'], { DCS_URL: stage.url, EDITOR: '/nonexistent/editor' })
  expect(await missing.end()).toBe(2)
  expect(missing.shown()).toContain('no editor found (/nonexistent/editor)')
})

test('paths of settings', () => {
  expect(settingPath('a.b.c')).toEqual(['a', 'b', 'c'])
  expect(settingPath('postgresql.parameters.pg_stat_statements.max')).toEqual([
    'postgresql',
    'parameters',
    'pg_stat_statements.max',
  ])
  const set = (path: string, value: null | number) => ({ kind: 'set', path: path.split('.'), value }) as const
  const before = { a: { b: 1 }, c: 2 }
  expect(changeDocument(before, [set('a.b', null)])).toEqual({ c: 2 })
  expect(changeDocument(before, [set('c.d.e', 3)])).toEqual({ a: { b: 1 }, c: { d: { e: 3 } } })
  expect(changeDocument(before, [set('x.y', null)])).toEqual(before)
  expect(changeDocument(before, [{ kind: 'replace', document: { z: 1 } }, set('z', null)])).toEqual({})
  expect(changeDocument(before, [{ kind: 'merge', document: { a: { b: '1', n: 2 } } }])).toEqual({
    a: { b: 1, n: 2 },
    c: 2,
  })
})
