// Questions between two threads: who waits for an answer gets it, why there is none, or the end of the other side; who has
// gone before asking asks nothing.

import { MessageChannel } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { MessageLine } from '../../src/agent/api-thread/message-line.ts'

function pair(answer: (question: string, dropped: AbortSignal) => Promise<unknown>) {
  const { port1, port2 } = new MessageChannel()
  const sent: unknown[] = []
  const recorded = {
    postMessage(message: unknown) {
      sent.push(message)
      port1.postMessage(message)
    },
    on: port1.on.bind(port1) as never,
  }
  const asking = new MessageLine<string, string, never, never>(recorded, {
    answer: async () => null,
    told: () => {},
  })
  const told: string[] = []
  new MessageLine<never, never, string, string>(port2, { answer, told: news => void told.push(news) })
  return { asking, sent, told, close: () => port1.close() }
}

test('an answer comes back with its question, whatever the order', async () => {
  const ends: (() => void)[] = []
  const { asking, close } = pair(question => new Promise(resolve => ends.push(() => resolve(question))))
  const answers = ['a', 'b'].map(question => asking.ask(question))
  while (ends.length < 2) await new Promise(resolve => setImmediate(resolve))
  for (const end of ends.toReversed()) end()
  expect(await Promise.all(answers)).toEqual(['a', 'b'])
  close()
})

test('a failure says why, and what is told comes before a later answer', async () => {
  const { asking, told, close } = pair(() => Promise.reject(new Error('no etcd')))
  asking.tell('news')
  await expect(asking.ask('a')).rejects.toThrow('no etcd')
  expect(told).toEqual(['news'])
  close()
})

test('who has gone before asking asks nothing, and who goes later ends the work', async () => {
  const begun: string[] = []
  const { asking, sent, close } = pair((question, dropped) => {
    begun.push(question)
    return new Promise(resolve => dropped.addEventListener('abort', () => resolve('dropped')))
  })
  const gone = new AbortController()
  gone.abort()
  await expect(asking.ask('never', gone.signal)).rejects.toThrow('nobody waits for the answer')
  expect(sent).toEqual([])
  const going = new AbortController()
  const answer = asking.ask('a', going.signal)
  while (begun.length === 0) await new Promise(resolve => setImmediate(resolve))
  going.abort()
  expect(await answer).toBe('dropped')
  expect(begun).toEqual(['a'])
  close()
})

test('nothing more is said about a question that has its answer', async () => {
  const { asking, sent, close } = pair(async question => question)
  const client = new AbortController()
  await asking.ask('a', client.signal)
  client.abort()
  expect(sent).toHaveLength(1)
  close()
})

test('when the other side has ended, everybody hears that', async () => {
  const { asking, close } = pair(() => new Promise(() => {}))
  const answer = asking.ask('a')
  asking.end('the thread ended')
  await expect(answer).rejects.toThrow('the thread ended')
  close()
})
