// Every scenario file, run in the simulated cluster and compared line by line. HACTL_REWRITE=1 (or bin/test --rewrite)
// writes down what happens now: commit such a change only if you can explain each line.

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Block, parseScript, printScript } from './script.ts'
import { Stage } from './stage.ts'

const directory = import.meta.dirname
const files = (await readdir(directory)).filter(name => name.endsWith('.txt')).sort()

async function play(blocks: readonly Block[]): Promise<string> {
  let stage: Stage | null = null
  const played: (Block & { readonly actual: readonly string[] })[] = []
  for (const block of blocks) {
    const actual: string[] = []
    for (const command of block.commands) {
      if (command.startsWith('cluster ')) {
        stage = await Stage.open(command)
        actual.push('ok')
      } else if (stage === null) throw new Error(`first of all comes \`cluster\`, not: ${command}`)
      else if (command.startsWith('run ')) actual.push(...(await stage.run(command)))
      else if (command.startsWith('check ')) actual.push(...stage.check(command))
      else stage.at(command)
    }
    played.push({ ...block, actual })
  }
  return printScript(played)
}

test('there are scenarios, and each says first what it shows', async () => {
  expect(files.length).toBeGreaterThan(15)
  for (const name of files) expect(await readFile(join(directory, name), 'utf8')).toMatch(/^# /)
})

test.each(files)('%s', async name => {
  const path = join(directory, name)
  const text = await readFile(path, 'utf8')
  const actual = await play(parseScript(text))
  if (process.env.HACTL_REWRITE === '1') await writeFile(path, actual)
  else expect(actual).toBe(text)
  // Whatever the file expects: a scenario that breaks a promise is never a good one.
  expect(actual).not.toMatch(/two writers|without a fencer|silent divergence|threw/)
})
