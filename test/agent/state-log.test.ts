// A state that breaks an invariant is said once, and nothing is stopped for it.

import { expect, test } from 'vitest'
import { createStateLog } from '../../src/agent/state-log.ts'
import { revision } from '../../src/model/revision.ts'
import { parseFile, questionOf } from '../decisions/notation/case-file.ts'

test('each wrong is said once', () => {
  const [node] = parseFile('x.txt', '# A standby.\nlook as pg2\n  etcd leader pg1\n----\n').map(questionOf)
  if (node === undefined) throw new Error('no case')
  const said: string[] = []
  const say = (text: string): void => void said.push(text)
  const tell = createStateLog({ debug: say, info: say, warning: say, error: say })
  const memory = { ...node.memory, lastLeaderRevision: revision(1_000_000) }
  tell(node.snap, memory)
  for (let beat = 0; beat < 3; beat++) tell(node.snap, { ...memory, leaderlessSinceMs: 0 })
  expect(said).toEqual([
    'bug: the state of this node is wrong (somebody leads, and nobody does); please report it',
  ])
})
