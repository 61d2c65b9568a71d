// The JSON of every command that was done, refused, or so already: written down as a program gets it, and held against its exit code,
// its pinned schema and the text's exit code (situations.ts).

import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ANSWERS, type Answer, JSON_CASES, type JsonCase } from './stage/json-cases.ts'
import { openCluster } from './stage/members.ts'
import { tellStarts } from './stage/operated-members.ts'
import { type Schema, violations } from './stage/schema.ts'
import { openStage, type Stage, shown } from './stage/stage.ts'

const AT_ONCE = 4
const LIMIT_MS = 240_000

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.stop())

const schema = async (name: string): Promise<Schema> =>
  JSON.parse(await readFile(new URL(`schemas/${name}.json`, import.meta.url), 'utf8'))

/** Commands of one kind share theirs. */
function schemaOf({ command, line }: JsonCase): string {
  if (line.startsWith('flush') && line.endsWith('switchover')) return 'flush-switchover'
  const shared: Readonly<Record<string, string>> = {
    ...{ failover: 'handover', switchover: 'handover', resume: 'pause', topology: 'list', undrain: 'drain' },
    ...{ flush: 'operation', reinit: 'operation', reload: 'operation', restart: 'operation' },
    'rolling:restart': 'rolling-restart',
  }
  return shared[command] ?? command
}

async function answer(one: JsonCase, key: string): Promise<string> {
  const own = stage.apart(key)
  const cluster = await openCluster(own)
  try {
    await tellStarts(own, cluster, { hactl: { version: '1.0.0' } })
    const [pg0] = cluster.members
    if (pg0 !== undefined) pg0.now = { ...pg0.now, sendsTo: ['pg1', 'pg2'] }
    await one.prepare(own, cluster)
    const args = [...one.line.split(' '), '--json']
    const ran = await own.hactl(args, { env: { PATRONI_RESTAPI_PASSWORD: 'open sesame' } })
    const document = JSON.parse(ran.stdout)
    const { ok, error, ...rest } = document
    const isWell = one.code === 0
    expect([one.line, ran.code, ran.stderr, ok]).toEqual([one.line, one.code, '', isWell])
    if (!isWell)
      expect([one.line, error]).toEqual([
        one.line,
        {
          kind: expect.any(String),
          exitCode: one.code,
          message: expect.any(String),
          hint: expect.stringMatching(/\S/),
        },
      ])
    const name = Object.keys(rest).length === 0 && !isWell ? 'failure' : schemaOf(one)
    expect([one.line, violations(document, await schema(name))]).toEqual([one.line, []])
    expect(ran.stdout).not.toContain('sesame')
    return shown(args, ran, own.etcd.member(0).endpoint.port).replaceAll(key, 'service')
  } finally {
    await cluster.close()
  }
}

test.each(ANSWERS)(
  '%s: one document, its exit code, why and what next',
  async situation => {
    const texts: string[] = []
    const queue = JSON_CASES[situation].map((one, at) => [one, at] as const)
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift())
        texts[next[1]] = await answer(next[0], `${situation.replace(' ', '-')}-${next[1]}`)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    await expect(texts.join('\n')).toMatchFileSnapshot(fileOf(situation))
  },
  LIMIT_MS,
)

const fileOf = (situation: Answer) => `transcripts/json-${situation.replaceAll(' ', '-')}.txt`
