// One cluster of both programs under two tools. patronictl 4.1.5 and hactl called as patronictl get the same command lines, and
// must come to the same: exit code, stdout, and what happens to the cluster. hactl by its own name, with --json, then does its
// work on members that run Patroni. The lines are in two-tools-lines.ts.

import { readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { effects, LOCAL_SETTING, readState, restless, type State } from './harness/effects.ts'
import { launcher, rewriteSections, superuserPassword } from './harness/member.ts'
import { type MixedCluster, setLiveCluster } from './harness/mixed.ts'
import { inside } from './harness/network.ts'
import { fetchPatroni, inOrder, patroniEnvironment } from './harness/patroni.ts'
import { type Ran, tryRun } from './harness/run.ts'
import { etcdctl } from './harness/servers.ts'
import { until } from './harness/until.ts'
import { CHANGING, type Line, OWN, READING } from './two-tools-lines.ts'

const NAMES = ['pg1', 'pg2', 'pg3']
let mixed: MixedCluster
let state: State

// On a new machine it is downloaded first.
beforeAll(() => fetchPatroni(), 600_000)
beforeAll(async () => {
  mixed = await setLiveCluster({ pg1: 'hactl', pg2: 'hactl', pg3: 'patroni' })
  await symlink(launcher, join(mixed.stage.directory, 'patronictl'))
  state = await comesTo([], null)
}, 240_000)
afterAll(() => mixed.stage.close())

function isWanted({ isLong }: { readonly isLong?: true }): boolean {
  return isLong !== true || process.env.HACTL_LONG === '1'
}

type Tool = 'patronictl' | 'hactl as patronictl' | 'hactl'

function run(tool: Tool, line: string, input = ''): Promise<Ran> {
  const { patroni, client, stage } = mixed
  const program = {
    patronictl: ['/usr/bin/python3', patroni.ctl],
    'hactl as patronictl': [join(stage.directory, 'patronictl')],
    hactl: [launcher],
  }[tool]
  const words = (line.match(/"[^"]*"|\S+/g) ?? []).map(word => word.replaceAll('"', ''))
  const python = tool === 'patronictl' ? { ...patroniEnvironment(patroni), ...inOrder } : {}
  const env = { ...python, PGPASSWORD: superuserPassword, TZ: 'UTC' }
  const command = inside(client, [...program, '-c', mixed.node('pg1').file, ...words])
  return tryRun(command, { limitMs: 90_000, input, env })
}

/** Waits until this, and nothing else, has happened since, and the cluster is at rest. null: whatever it is. */
async function comesTo(does: readonly string[], since: State | null, said = ''): Promise<State> {
  const look = async () => {
    const now = await readState(mixed, NAMES)
    const unrest = restless(now)
    if (unrest !== null) throw new Error(unrest)
    const did = since === null ? does : effects(since, now)
    if (JSON.stringify(did) !== JSON.stringify(does)) throw new Error(`what happened: ${did.join(', ')}`)
    return now
  }
  return until(`${said}\nit comes to: ${does.join(', ') || 'nothing'}`, look, 40_000, 200)
}

interface Answer {
  readonly code: number
  readonly stdout: string
}

function withoutTimes(stdout: string): string {
  return stdout
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{5})?/g, 'TIME')
    .replaceAll(/\(e\.g\. \d{4}-\d\d-\d\dT\d\d:\d\d/g, '(e.g. TIME')
}

/** Two rounds see other times and positions; the columns are as wide as they need. */
function masked(stdout: string, timeline: number): string {
  return withoutTimes(stdout).replaceAll(/^[+|].*$/gm, row =>
    row
      .replaceAll(/\b[0-9A-F]+\/[0-9A-F]+\b/g, 'LSN')
      .replaceAll(/-{2,}/g, '--')
      .replaceAll(/ {2,}/g, ' ')
      .replace(/(?<=^(\| [^|]*){4}\| )\d+/, number => `TL${Number(number) - timeline}`),
  )
}

/** The table after a handover shows the members at a moment of it: who they are and who leads is what two rounds share. */
function atRest(stdout: string): string {
  const [before = '', after] = stdout.split(/(?<=TIME Successfully .*\n)/)
  return after === undefined ? stdout : before + after.replaceAll(/^(\| [^|]*\| [^|]*\| [^|]*).*$/gm, '$1')
}

function timelineNow(): number {
  const [, leading] = [...state.keys].find(([key]) => key === `members/${state.keys.get('leader')}`) ?? []
  return JSON.parse(leading ?? '{}').timeline
}

async function writeNewFiles(): Promise<void> {
  const last = Math.max(...[...state.nodes.values()].map(({ setting }) => Number(setting)))
  for (const name of NAMES) {
    const { file } = mixed.node(name)
    const { postgresql } = JSON.parse(await readFile(file, 'utf8'))
    const parameters = { ...postgresql.parameters, [LOCAL_SETTING]: String(last + 1000) }
    await rewriteSections(file, { postgresql: { ...postgresql, parameters } })
  }
}

async function play(tool: Tool, { line, stdin, does = [], newFiles }: Line): Promise<Answer> {
  if (newFiles === true) await writeNewFiles()
  const timeline = timelineNow()
  const ran = await run(tool, line, stdin)
  const said = `${tool} ${line}: exit code ${ran.code}\n${ran.stdout}${ran.stderr}`
  state = await comesTo(does, state, said)
  return { code: ran.code, stdout: atRest(masked(ran.stdout, timeline)) }
}

/** Beyond it a machine is no use. */
const LIMIT_MS = 900_000

test(
  'lines that only read: asked at the same moment, both answer the same',
  async () => {
    const tools = ['patronictl', 'hactl as patronictl'] as const
    for (const { line } of READING.filter(isWanted)) {
      const look = async () => {
        const rans = await Promise.all(tools.map(tool => run(tool, line)))
        const [theirs, ours] = rans.map(({ code, stdout }) => ({ code, stdout: withoutTimes(stdout) }))
        expect(ours, `${line}\n${rans.map(({ stdout, stderr }) => stdout + stderr).join('\n')}`).toEqual(
          theirs,
        )
        return true
      }
      // Positions move, so both look until they saw the same moment.
      await until('both answer the same', look, 30_000)
    }
  },
  LIMIT_MS,
)

test(
  'lines that change something: one round each, and both come to the same',
  async () => {
    const lines = CHANGING.filter(isWanted)
    const answers = new Map<Line, Answer>()
    for (const line of lines) answers.set(line, await play('patronictl', line))
    for (const line of lines) {
      const rewrite = line.differs?.rewrite ?? (text => text)
      const { code, stdout } = await play('hactl as patronictl', line)
      expect.soft({ code, stdout: rewrite(stdout) }, JSON.stringify(line)).toEqual(answers.get(line))
    }
  },
  LIMIT_MS,
)

test(
  "hactl's own commands on members that run Patroni",
  async () => {
    for (const { line, code: expected = 0, says = {}, ...more } of OWN.filter(isWanted)) {
      const { code, stdout } = await play('hactl', { line: `${line} --json`, ...more })
      expect.soft(code, `${line}: ${stdout}`).toBe(expected)
      expect.soft(JSON.parse(stdout), line).toMatchObject({ ok: expected === 0, ...says })
    }
  },
  LIMIT_MS,
)

test(
  'remove, when the agents are stopped',
  async () => {
    const { client, etcd } = mixed
    const prefix = '/service/test/'
    const keys = async () => (await readState(mixed, NAMES)).keys
    for (const name of NAMES.slice(0, -1)) await mixed.agent(name).stop('SIGTERM', 40_000)
    // A Patroni that is stopped while it takes over ends with the leader key, and both tools then ask for the leader's name.
    const leads = async () => {
      const now = await keys()
      const { role, state: is } = JSON.parse(now.get('members/pg3') ?? '{}')
      return now.get('leader') === 'pg3' && role === 'primary' && is === 'running'
    }
    await until('the last one leads', leads, 40_000, 200)
    await mixed.agent('pg3').stop('SIGTERM', 40_000)
    const before = await keys()
    const answers: Answer[] = []
    for (const tool of ['patronictl', 'hactl as patronictl'] as const) {
      for (const [key, value] of before) await etcdctl(client, ['put', '--', `${prefix}${key}`, value], etcd)
      const { code, stdout } = await run(tool, 'remove test', 'test\nYes I am aware\n')
      answers.push({ code, stdout: masked(stdout, 0) })
      expect([...(await keys())]).toEqual([])
    }
    expect(answers[1]).toEqual(answers[0])
  },
  LIMIT_MS,
)
