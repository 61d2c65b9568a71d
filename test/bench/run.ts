// `node test/bench/run.ts [names…]`: measures hactl and Patroni 4.1 in one run, on the same YAML, and compares with the
// budgets. Without names: everything, in about ten minutes, and docs/benchmarks.md is written anew.
// Needs root (network namespaces), `bin/setup`, and Debian's packages hyperfine and wrk. Nothing else should run meanwhile.

import { readdir, stat, writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { tryRun } from '../cluster/harness/run.ts'
import { benches, type Pair } from './benches.ts'
import { describeMachine, page } from './page.ts'
import { type Line, showTable } from './results.ts'
import { startSide } from './side.ts'

const top = join(import.meta.dirname, '../..')
const asked = process.argv.slice(2)
const unknown = asked.filter(name => !benches.some(bench => bench.name === name))
if (unknown.length > 0) {
  console.error(
    `no benchmark ${unknown.join(', ')}; there are: ${benches.map(({ name }) => name).join(', ')}`,
  )
  process.exitCode = 2
} else {
  await runAll()
}

async function runAll(): Promise<void> {
  await prepare()
  const chosen = asked.length === 0 ? benches : benches.filter(({ name }) => asked.includes(name))
  const loadBefore = loadavg()[0] ?? 0
  const startedMs = Date.now()
  const [hactl, patroni] = await Promise.all([startSide('hactl'), startSide('patroni')])
  const pair: Pair = { hactl, patroni }
  const lines: Line[] = []
  try {
    for (const bench of chosen) {
      const beganMs = Date.now()
      const found = await bench.run(pair)
      lines.push(...found)
      console.error(`${bench.name}: ${((Date.now() - beganMs) / 1000).toFixed(0)} s`)
      console.log(showTable(found))
    }
  } finally {
    await Promise.all([pair.hactl.cluster.stage.close(), pair.patroni.cluster.stage.close()])
  }
  if (asked.length > 0) return
  const machine = await describeMachine(
    pair.patroni.cluster.patroni.version,
    loadBefore,
    Date.now() - startedMs,
  )
  await writeFile(join(top, 'docs/benchmarks.md'), page(machine, lines))
}

/** hactl is measured as users run it, from what `bin/setup` builds; what is older than the sources would be another hactl. */
async function prepare(): Promise<void> {
  const sources = (await Promise.all([filesIn('src'), filesIn('commands')])).flat()
  for (const [product, ending] of [
    ['dist/hactl.cjs', /\.ts$/],
    ['build/hactl-fencer', /\.[ch]$/],
  ] as const) {
    const built = await stat(join(top, product)).catch(() => null)
    const stale = sources.some(
      ({ name, changedMs }) => ending.test(name) && changedMs > (built?.mtimeMs ?? 0),
    )
    if (stale) throw new Error(`${product} is older than its sources: run bin/setup`)
  }
  for (const program of ['hyperfine', 'wrk']) {
    const { code } = await tryRun([program, '--version'])
    if (code === -1) throw new Error(`${program} is missing: apt-get install hyperfine wrk`)
  }
}

async function filesIn(
  folder: string,
): Promise<readonly { readonly name: string; readonly changedMs: number }[]> {
  const entries = await readdir(join(top, folder), { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile())
  return Promise.all(
    files.map(async ({ parentPath, name }) => ({
      name,
      changedMs: (await stat(join(parentPath, name))).mtimeMs,
    })),
  )
}
