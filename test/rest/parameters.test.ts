// GET /parameters: bounded in names, and its answer as the running server gave it.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { seen, unseen } from '../../src/model/seen.ts'
import { PARAMETER_NAMES_MAX } from '../../src/model/server/parameter.ts'
import { clock, type Running, startServer } from './node.ts'

let running: Running
const asked: (readonly string[])[] = []
let answers = true

beforeAll(async () => {
  running = await startServer({
    parameters: async names => {
      asked.push(names)
      if (!answers) return unseen('no connection to PostgreSQL is open')
      const facts = { name: 'work_mem', context: 'user', vartype: 'integer', unit: 'kB', min: '64' }
      return seen(
        {
          parameters: [{ ...facts, max: '2147483647', enumvals: null, setting: '4096' }],
          unknown: [{ name: 'wrk_mem', similar: ['work_mem'] }],
        },
        clock.bootMs(),
      )
    },
  })
})
afterAll(() => running.server.stop())

async function ask(query: string): Promise<string> {
  const response = await fetch(`${running.base}/parameters${query}`)
  return `${response.status} ${await response.text()}`
}

test('facts of what is known, near names of what is not', async () => {
  expect(await ask('?names=work_mem,wrk_mem')).toBe(
    '200 {"parameters": [{"name": "work_mem", "context": "user", "vartype": "integer", "unit": "kB", "enumvals": null, "setting": "4096", "min_val": "64", "max_val": "2147483647"}], "unknown": [{"name": "wrk_mem", "similar": ["work_mem"]}]}',
  )
  expect(asked.splice(0)).toEqual([['work_mem', 'wrk_mem']])
  answers = false
  expect(await ask('?names=work_mem')).toBe(
    '503 PostgreSQL was not asked: no connection to PostgreSQL is open',
  )
  expect(asked.splice(0).length).toBe(1)
})

test('a question that is none, or too large, does not reach PostgreSQL', async () => {
  const many = Array.from({ length: PARAMETER_NAMES_MAX + 1 }, (_, index) => `p${index}`).join(',')
  expect(await ask('')).toBe('400 name the parameters: ?names=a,b')
  expect(await ask(`?names=${many}`)).toBe(`400 more than ${PARAMETER_NAMES_MAX} names`)
  for (const name of ["x'; SELECT 1", 'a.b.c', '%00', '1a', 'x'.repeat(64)])
    expect(await ask(`?names=${encodeURIComponent(name)}`)).toBe('400 not the name of a parameter')
  expect(asked).toEqual([])
})
