// `node test/bench/run.ts [names…]`: measures hactl and Patroni 4.1 in one run, on the same YAML, and compares with the
// budgets of design.md 5. Without names: everything, in about ten minutes, and docs/benchmarks.md is written anew.
// Needs root (network namespaces), `bin/setup`, and Debian's packages hyperfine and wrk. Nothing else should run meanwhile.

import { writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { run, tryRun } from '../cluster/harness/run.ts'
import { benches, type Pair } from './benches.ts'
import { describeMachine, page } from './page.ts'
import { type Line, showTable } from './results.ts'
import { startSide } from './side.ts'

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
  await writeFile(join(import.meta.dirname, '../../docs/benchmarks.md'), page(machine, lines))
}

/** hactl is measured as users run it: from the bundle, and from the sources as they are now. */
async function prepare(): Promise<void> {
  await run([join(import.meta.dirname, '../../bin/setup')], { limitMs: 300_000 })
  for (const program of ['hyperfine', 'wrk']) {
    const { code } = await tryRun([program, '--version'])
    if (code === -1) throw new Error(`${program} is missing: apt-get install hyperfine wrk`)
  }
}
