// What a running agent takes over of a changed file, and what it names because it cannot. Which is which is the schema's.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readLocalConfig } from '../../src/config/node-config.ts'
import { LOCAL } from '../../src/config/schema/schema.ts'
import { COMPLETE, directory, withMore } from './sample.ts'

async function reload(before: string, after: string) {
  const path = join(await directory(), 'node.yml')
  await writeFile(path, before)
  const first = await readLocalConfig({ path, env: {} })
  if (!first.ok) throw new Error(first.errors[0]?.message)
  expect(first.waiting).toEqual([])
  await writeFile(path, after)
  const second = await readLocalConfig({ path, env: {} }, first.values)
  if (!second.ok) throw new Error(second.errors[0]?.message)
  return { first, second, path }
}

test('the log, tags, the REST API and accounts are taken over', async () => {
  const { second } = await reload(
    COMPLETE,
    withMore(
      [
        'log: {level: DEBUG, dir: /var/log/x, deduplicate_heartbeat_logs: on}',
        'tags: {nofailover: true}',
        'restapi: {listen: 10.0.0.1:8008, server_tokens: Minimal}',
      ].join('\n'),
    ),
  )
  expect(second.waiting).toEqual([])
  expect(second.config).toMatchObject({
    log: { level: 'DEBUG', dir: '/var/log/x', deduplicateHeartbeatLogs: true },
    tags: { nofailover: true },
    restapi: { serverTokens: 'minimal' },
  })
})

test('what needs a new agent is named and stays what it was, all of it', async () => {
  const { first, second } = await reload(
    COMPLETE,
    COMPLETE.replace('batman', 'robin')
      .replace('/var/lib/postgresql/data', '/srv/data')
      .replace('10.0.0.9:2379', '10.0.0.8:2379'),
  )
  expect(second.waiting).toEqual(['scope', 'etcd3.hosts', 'postgresql.data_dir'])
  expect(second.config).toEqual(first.config)
})

test('a change that was not taken over is named with each reload, until it is taken back', async () => {
  const { second, path } = await reload(COMPLETE, COMPLETE.replace('batman', 'robin'))
  const again = await readLocalConfig({ path, env: {} }, second.values)
  expect(again).toMatchObject({ waiting: ['scope'] })
  await writeFile(path, COMPLETE)
  expect(await readLocalConfig({ path, env: {} }, second.values)).toMatchObject({ waiting: [] })
})

test('what the adapters of an agent are made with is not called reloadable', () => {
  for (const path of [
    'postgresql.listen',
    'postgresql.bin_dir',
    'postgresql.use_unix_socket',
    'etcd3.password',
  ])
    expect(Object.entries(LOCAL).find(([name]) => name === path)?.[1].reloadable, path).toBe(false)
})
