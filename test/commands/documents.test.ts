// The manual page, docs/commands.md and --help come from one description; the files in the repository are current
// (`npx vitest run test/commands/documents.test.ts -u` writes them). And the completion scripts complete.

import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { COMMANDS } from '../../src/commands.ts'
import { runHactl } from './stage.ts'

const run = promisify(execFile)

test('every file in commands/ is in the map, under its own name', async () => {
  const files = (await readdir(new URL('../../commands', import.meta.url))).map(file =>
    file.replace(/\.ts$/, ''),
  )
  expect(new Set(Object.keys(COMMANDS))).toEqual(new Set(files))
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

async function completed(words: readonly string[]): Promise<readonly string[]> {
  const { stdout: script } = await runHactl(['completion', 'bash'])
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
})

test('an unknown shell is wrong usage', async () => {
  expect((await runHactl(['completion', 'fish'])).code).toBe(2)
})
