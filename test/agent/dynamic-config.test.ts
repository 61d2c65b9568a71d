// What the agent says of keys in etcd that nobody can read: once for each revision, not with every beat.

import { expect, test } from 'vitest'
import { createDynamicConfiguration } from '../../src/agent/dynamic-config.ts'
import { clusterView } from '../../src/dcs/cluster-view.ts'

function listen() {
  const lines: string[] = []
  const say = (level: string) => (text: string) => void lines.push(`${level} ${text}`)
  const log = { debug: say('DEBUG'), info: say('INFO'), warning: say('WARNING'), error: say('ERROR') }
  const dynamic = createDynamicConfiguration(log)
  const see = (key: string, text: string, modRevision: number) =>
    dynamic.consider(clusterView(new Map([[key, { text, leaseId: '0', modRevision }]]), modRevision, 'watch'))
  return { lines, see }
}

test('a config key that cannot be read', () => {
  const { lines, see } = listen()
  for (let beat = 0; beat < 3; beat++) see('config', '{', 7)
  expect(lines).toEqual([expect.stringMatching(/^ERROR the dynamic configuration in etcd is unreadable/)])
})
