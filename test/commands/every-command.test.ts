// Every command in every situation of situations.ts: what it says as text and as JSON, and how it ends. Each on a cluster of its
// own in one etcd, a few at a time.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { COMMANDS } from '../../src/commands.ts'
import { freePort } from '../adapters/free-port.ts'
import { ANSWERS } from './stage/json-cases.ts'
import { openCluster } from './stage/members.ts'
import { setMore, tellStarts } from './stage/operated-members.ts'
import { cellOf, ROWS, type Row, SITUATIONS, type Situation, WITHOUT_CLUSTER } from './stage/situations.ts'
import {
  CLOSED,
  OPEN,
  openStage,
  type Ran,
  type RunOptions,
  runHactl,
  type Stage,
  shown,
} from './stage/stage.ts'

const AT_ONCE = 6
/** For all commands one after the other on a machine that does something else. */
const LIMIT_MS = 240_000
/** Of which two are the time-out; the rest is what a machine under load needs to start a process. */
const ENDS_WITHIN_MS = 25_000

const RESTARTS_LATER = { scheduled_restart: { schedule: '2090-01-01T01:00:00+00:00' } }

let stage: Stage
let hung: Server
const sockets = new Set<Socket>()
let [hungPort, deadPort] = [0, 0]

beforeAll(async () => {
  stage = await openStage()
  hung = createServer(socket => sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1')
  await once(hung, 'listening')
  hungPort = (hung.address() as AddressInfo).port
  deadPort = await freePort()
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  hung.close()
  await stage.stop()
})

/** Its transcripts, when a text and a JSON document were asked for; the exit codes are the same. */
async function both(
  lines: readonly string[],
  run: (args: readonly string[]) => Promise<Ran>,
  port: number,
): Promise<string> {
  const parts: string[] = []
  for (const line of lines) {
    const args = line.split(' ')
    const text = await run(args)
    const json = await run([...args, '--json'])
    expect([line, json.code, json.stderr, JSON.parse(json.stdout).ok]).toEqual([
      line,
      text.code,
      '',
      text.code === 0,
    ])
    parts.push(shown(args, text, port), shown([...args, '--json'], json, port))
  }
  return parts.join('\n')
}

/** In the order of the table, however they end. */
async function forEach(
  situation: Situation,
  run: (row: Row, name: string) => Promise<string>,
): Promise<string> {
  const rows = Object.entries(ROWS).filter(([, row]) => cellOf(row, situation).is === 'here')
  const texts = new Map<string, string>()
  const queue = [...rows]
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      texts.set(next[0], await run(next[1], next[0]))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return rows.map(([name]) => texts.get(name)).join('\n')
}

const fileOf = (situation: Situation) => `transcripts/every-${situation.replaceAll(' ', '-')}.txt`

test.each([
  // A refusal is believed after a second, whatever the time-out.
  ['etcd dead', () => deadPort, '20'],
  ['etcd hung', () => hungPort, '2'],
] as const)(
  '%s: exit code 8 in good time, and which endpoint does what',
  async (situation, port, timeout) => {
    const text = await forEach(situation, ({ line }) =>
      both(
        [line],
        async args => {
          const options = { env: { DCS_URL: `etcd3://127.0.0.1:${port()}` } }
          const ran = await runHactl([...args, '--timeout', timeout], options)
          expect([args[0], ran.code]).toEqual([args[0], 8])
          expect(ran.ms).toBeLessThan(ENDS_WITHIN_MS)
          return ran
        },
        port(),
      ),
    )
    await expect(text).toMatchFileSnapshot(fileOf(situation))
  },
  LIMIT_MS,
)

/** On a healthy cluster of its own, made ready by `prepare`. */
async function onCluster(
  key: string,
  lines: readonly string[],
  prepare: (own: Stage, cluster: Awaited<ReturnType<typeof openCluster>>) => Promise<void>,
  options: RunOptions = {},
): Promise<string> {
  const own = stage.apart(key.replaceAll(/\W/g, '-'))
  const cluster = await openCluster(own)
  try {
    await tellStarts(own, cluster, { hactl: { version: '1.0.0' } })
    await prepare(own, cluster)
    return await both(lines, args => own.hactl(args, options), own.etcd.member(0).endpoint.port)
  } finally {
    await cluster.close()
  }
}

test(
  'unknown names: exit code 4, of a cluster and of a member',
  async () => {
    const text = await forEach('unknown names', ({ line, unknownCluster, unknownMember }, name) => {
      const cluster = unknownCluster ?? line.replaceAll(/\bduo\b/g, 'nowhere')
      const member = unknownMember === undefined ? [] : [unknownMember]
      return onCluster(`unknown ${name}`, [cluster, ...member], async () => {})
    })
    await expect(text).toMatchFileSnapshot(fileOf('unknown names'))
  },
  LIMIT_MS,
)

test.each([
  ['no terminal', OPEN],
  ['closed stdin', CLOSED],
] as const)(
  '%s: nobody is asked and nothing is waited for',
  async (situation, stdin) => {
    const text = await forEach(situation, ({ line, asks = line }, name) =>
      onCluster(
        `${situation} ${name}`,
        [asks],
        (own, cluster) => setMore(own, cluster.member('pg1'), RESTARTS_LATER),
        { stdin },
      ),
    )
    await expect(text).toMatchFileSnapshot(fileOf(situation))
  },
  LIMIT_MS,
)

test.each(['member dead', 'member stopped'] as const)(
  '%s: a row or a refusal, never a hang',
  async situation => {
    const text = await forEach(situation, ({ withSilent = '', silent = 'pg1' }, name) =>
      onCluster(`${situation} ${name}`, [withSilent], async (own, cluster) => {
        const member = cluster.member(silent)
        await setMore(own, member, { ...RESTARTS_LATER, hactl: { version: '1.0.0', drained: true } })
        await own.put('duo/hactl/drain/pg1', { by: 'kim@db9', at: '2026-11-29T23:00:00Z', reason: null })
        if (situation === 'member dead') await member.close()
        else member.hung = true
      }),
    )
    await expect(text).toMatchFileSnapshot(fileOf(situation))
  },
  LIMIT_MS,
)

interface Shown {
  readonly command: string
  readonly json: boolean
  readonly code: number
}

const jsonFileOf = (situation: Situation) => `json-${situation.replaceAll(' ', '-')}`

async function runsIn(file: string): Promise<readonly Shown[]> {
  const text = await readFile(new URL(`transcripts/${file}.txt`, import.meta.url), 'utf8')
  return [...text.matchAll(/^\$ hactl (.*)$[\s\S]*?^--- exit code (\d+)$/gm)].map(([, line = '', code]) => ({
    command: line,
    json: / --json\b/.test(line),
    code: Number(code),
  }))
}

test.each(Object.keys(COMMANDS))('%s has a transcript or a reason for each situation', async name => {
  if (WITHOUT_CLUSTER[name] !== undefined) return
  const row = ROWS[name]
  if (row === undefined) throw new Error(`situations.ts has no row for ${name}`)
  const words = `${name.replace(':', ' ')} `
  for (const situation of SITUATIONS) {
    const cell = cellOf(row, situation)
    if (cell.is === 'none') continue
    const file = cell.is === 'shown' ? cell.file : fileOf(situation).replace(/^.*\/|\.txt$/g, '')
    const runs = (await runsIn(file)).filter(({ command }) => `${command} `.startsWith(words))
    if (cell.is === 'shown') {
      expect([situation, file, runs.map(({ code }) => code)]).toEqual([
        situation,
        file,
        expect.arrayContaining([cell.code]),
      ])
      if (!ANSWERS.some(answer => answer === situation)) continue
      const inJson = [...runs, ...(await runsIn(row.jsonIn ?? jsonFileOf(situation)))].filter(
        run => run.json && run.code === cell.code && `${run.command} `.startsWith(words),
      )
      expect([situation, 'as JSON', inJson.length > 0]).toEqual([situation, 'as JSON', true])
    } else expect([situation, [...new Set(runs.map(({ json }) => json))]]).toEqual([situation, [false, true]])
  }
})
