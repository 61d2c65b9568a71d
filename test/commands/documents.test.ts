// The manual page, docs/commands.md and --help come from one description; the files in the repository are current
// (`npx vitest run test/commands/documents.test.ts -u` writes them). And the completion scripts complete.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { COMMANDS } from '../../src/commands.ts'
import { runHactl } from './stage/stage.ts'

const run = promisify(execFile)

test('every file in commands/ is in the map, under its own name', async () => {
  const files = (await readdir(new URL('../../commands', import.meta.url))).map(file =>
    file.replace(/\.ts$/, ''),
  )
  expect(new Set(Object.keys(COMMANDS).map(name => name.replace(':', '-')))).toEqual(new Set(files))
})

test('man/hactl.1 is current and well formed', async () => {
  const { stdout, code } = await runHactl(['manual'])
  expect(code).toBe(0)
  await expect(stdout).toMatchFileSnapshot('../../man/hactl.1')
  const bad = stdout.split('\n').filter(line => /^\.(?!\\"|TH|SH|SS|PP|TP|B|I|BR|RI|RS|RE|nf|fi)/.test(line))
  expect(bad).toEqual([])
})

test('the printed rules speak of nothing that their reader does not have', async () => {
  const { stdout, code } = await runHactl(['agent', '--rules'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^leader\.steady +\S/m)
  expect(stdout).not.toMatch(/spec\/|\( *\)| +[:,;.]/)
})

test('docs/commands.md is current', async () => {
  const { stdout } = await runHactl(['manual', '--format', 'markdown'])
  await expect(stdout).toMatchFileSnapshot('../../docs/commands.md')
})

test.each(['list', 'topology', 'switchover', 'failover', 'show-config', 'edit-config', 'history', 'version'])(
  'hactl %s --help has a summary, examples with long options and the global ones',
  async name => {
    const { stdout, code } = await runHactl([name, '--help'])
    expect(code).toBe(0)
    for (const part of [
      'USAGE',
      'GLOBAL FLAGS',
      'EXAMPLES',
      '--config-file',
      '--dcs-url',
      '--insecure',
      '--json',
      '--timeout',
    ]) {
      expect(stdout).toContain(part)
    }
    const examples = stdout
      .slice(stdout.indexOf('EXAMPLES'))
      .split('\n')
      .filter(line => line.includes('$ hactl'))
    expect(examples.length).toBeGreaterThan(0)
    expect(examples.filter(line => / -[a-z] /.test(line))).toEqual([])
  },
)

let bashScript: Promise<string> | null = null

async function completed(words: readonly string[]): Promise<readonly string[]> {
  bashScript ??= runHactl(['completion', 'bash']).then(({ stdout }) => stdout)
  const script = await bashScript
  const line = words.map(word => `'${word}'`).join(' ')
  const { stdout } = await run('bash', [
    '--norc',
    '-c',
    `${script}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _hactl 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ])
  return stdout.split('\n').filter(word => word !== '')
}

test('bash completes commands, options after values, and values', async () => {
  expect(await completed(['hactl', 'sw'])).toEqual(['switchover'])
  expect(await completed(['hactl', '-c', 'a.yml', 'topo'])).toEqual(['topology'])
  expect(await completed(['hactl', 'list', 'demo', '--ext'])).toEqual(['--extended'])
  expect(await completed(['hactl', 'list', '--format', ''])).toEqual(['pretty', 'tsv', 'json', 'yaml', 'yml'])
  expect(await completed(['hactl', 'list', '-f', 'y'])).toEqual(['yaml', 'yml'])
  expect(await completed(['hactl', 'switchover', '--candidate', ''])).toEqual([])
  expect(await completed(['hactl', 'completion', ''])).toEqual(['bash', 'zsh'])
  // Options are for who begins one.
  expect(await completed(['hactl', 'list', ''])).toEqual([])
  expect(await completed(['hactl', 'edit-config', '--set', 'retry'])).toEqual(['retry_timeout='])
  expect(await completed(['hactl', 'list', '--format', '='])).toEqual([
    'pretty',
    'tsv',
    'json',
    'yaml',
    'yml',
  ])
  expect(await completed(['hactl', 'list', '--format', '=', 'y'])).toEqual(['yaml', 'yml'])
  expect(await completed(['hactl', '--config-file', '=', 'a.yml', 'topo'])).toEqual(['topology'])
})

/** In the place of etcd: a cluster, and two members. */
const NAMES = `[[ $1 == complete ]] && case $2 in arguments) print batman;; members) print -l pg1 robin;; esac`

/** On a terminal, because zsh completes nowhere else; `script` makes one. What is on the line after the Tab key. */
async function completedByZsh(load: string, line: string): Promise<string> {
  const startup = `autoload -U compinit; compinit -u -D; ${load}; PS1=READY; hactl() { ${NAMES} }`
  const shell = run('script', ['-qefc', 'zsh -f -i', '/dev/null'], {
    env: { PATH: process.env.PATH, HOME: '/nonexistent', TERM: 'dumb' },
    timeout: 20_000,
    killSignal: 'SIGKILL',
  })
  const { stdin, stdout } = shell.child
  let shown = ''
  const until = async (text: string) => {
    while (!shown.includes(text)) shown += String((await once(stdout as Readable, 'data'))[0])
    shown = ''
  }
  stdin?.write(`${startup}\n`)
  await until('READY')
  // Ctrl-A and the word before the line make a command of it that prints what it was given.
  stdin?.write(`${line}\t\x01print -r -- DONE \r`)
  stdin?.write('exit\n')
  const { stdout: all } = await shell
  return /^DONE (.*?)\s*$/m.exec(all)?.[1] ?? all
}

const zshIsHere = await run('zsh', ['--version']).then(
  () => true,
  () => false,
)

test.skipIf(!zshIsHere)(
  'zsh completes, sourced and found in fpath (skipped where there is no zsh)',
  async () => {
    const folder = await mkdtemp('/tmp/hactl-zsh-')
    const file = `${folder}/_hactl`
    await writeFile(file, (await runHactl(['completion', 'zsh'])).stdout)
    for (const load of [
      `source ${file}`,
      `fpath=(${folder} $fpath); autoload -U _hactl; compdef _hactl hactl`,
    ]) {
      expect(await completedByZsh(load, 'hactl sw')).toBe('hactl switchover')
      expect(await completedByZsh(load, 'hactl list demo --ext')).toBe('hactl list demo --extended')
      expect(await completedByZsh(load, 'hactl list --format=t')).toBe('hactl list --format=tsv')
      expect(await completedByZsh(load, 'hactl list bat')).toBe('hactl list batman')
      expect(await completedByZsh(load, 'hactl switchover batman --candidate ro')).toBe(
        'hactl switchover batman --candidate robin',
      )
      expect(await completedByZsh(load, 'hactl -c a.yml topo')).toBe('hactl -c a.yml topology')
    }
    await rm(folder, { recursive: true })
  },
)

test('an unknown shell is wrong usage', async () => {
  expect((await runHactl(['completion', 'fish'])).code).toBe(2)
})
