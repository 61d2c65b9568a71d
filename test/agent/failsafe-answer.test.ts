// What a member answers to POST /failsafe: who may not promise, and what comes with a promise.

import { expect, test } from 'vitest'
import { answerFailsafe } from '../../src/agent/failsafe/answers.ts'
import type { Memory } from '../../src/model/decision/memory.ts'
import type { Snapshot } from '../../src/model/decision/snapshot.ts'
import type { PostgresView } from '../../src/model/server/postgres.ts'
import { base, memory, running, self, server, silent } from '../exhaustive/parts.ts'

const ping = (name: string) => ({ name, connUrl: 'c', apiUrl: 'a', slots: {} })
const holdsMs = 30_000

function answer(name: string, snap: Snapshot | null, remembered: Memory = memory, refuses?: string) {
  const [asked, wakes]: [string[], string[]] = [[], []]
  const given = answerFailsafe(ping(name), snap, remembered, {
    promises: {
      promise(from) {
        asked.push(from.name)
        return refuses === undefined ? { kind: 'accepted', holdsMs } : { kind: 'refused', why: refuses }
      },
    },
    wake: cause => wakes.push(cause),
  })
  return { given, asked, wakes }
}

function withServer(view: PostgresView['server']): Snapshot {
  return { ...base, postgres: { ...base.postgres, process: running('accepting'), server: view } }
}

const standby = withServer(server(true, { receiveLsn: 500n, replayLsn: 700n }))
const refused = (why: string) => ({ kind: 'refused', why })

test('a standby promises, says for how long and how far it is, and looks again at once', () => {
  const { given, asked, wakes } = answer('pg9', standby)
  expect(given).toEqual({ kind: 'accepted', lsn: 700n, holdsMs })
  expect(asked).toEqual(['pg9'])
  expect(wakes).toEqual(['rest: pg9 asked to go on as primary'])
})

test('a server that does not answer has no position, and the node promises all the same', () => {
  expect(answer('pg9', withServer(silent)).given).toEqual({ kind: 'accepted', lsn: null, holdsMs })
})

test('an agent that has not looked yet promises nothing: an earlier run may have left a primary', () => {
  const { given, asked, wakes } = answer('pg9', null)
  expect(given).toEqual(refused('this agent has just started and has not looked yet'))
  expect([asked, wakes]).toEqual([[], []])
})

test('a node of the same name is not this node’s leader', () => {
  const { given, asked } = answer(self.name, standby)
  expect(given).toEqual(refused(`${self.name} is the name of this node`))
  expect(asked).toEqual([])
})

test('a primary says that it is one, and so does a node that has asked its server to become one', () => {
  const primary = answer('pg9', withServer(server(false)))
  expect(primary.given).toEqual({ kind: 'running-as-leader' })
  const promoting = answer('pg9', standby, { ...memory, promotionAsked: true })
  expect(promoting.given).toEqual({ kind: 'running-as-leader' })
  expect([...primary.asked, ...promoting.asked]).toEqual([])
})

test('what the desk refuses is refused, and wakes nobody', () => {
  const { given, wakes } = answer('pg9', standby, memory, 'this node holds the leader key')
  expect(given).toEqual(refused('this node holds the leader key'))
  expect(wakes).toEqual([])
})
