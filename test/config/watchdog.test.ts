// The `watchdog` section, in each spelling that Patroni takes.

import { describe, expect, test } from 'vitest'
import { configOf, errorsOf, readText, withMore } from './sample.ts'

const modeOf = async (text: string) =>
  configOf(await readText(withMore(`watchdog: {mode: ${text}}`))).watchdog.mode

describe('watchdog.mode', () => {
  test.each([
    ['off', ['off', '"off"', 'OFF', 'disable', 'disabled', 'false', 'False', '"false"', 'no']],
    ['automatic', ['automatic', 'auto', 'Automatic', 'AUTO']],
    ['required', ['required', 'require', 'REQUIRED']],
  ])('%s', async (mode, spellings) => {
    expect(await Promise.all(spellings.map(modeOf))).toEqual(spellings.map(() => mode))
  })

  test('a slip must not switch off what is required', async () => {
    expect(errorsOf(await readText(withMore('watchdog: {mode: requierd}')))).toEqual([
      expect.stringContaining('watchdog.mode'),
    ])
  })
})

test('device, driver and margin', async () => {
  const section = 'watchdog: {mode: required, device: /run/fifo, driver: testing, safety_margin: -1}'
  expect(configOf(await readText(withMore(section))).watchdog).toEqual({
    ...{ mode: 'required', device: '/run/fifo', driver: 'testing', safetyMarginMs: -1000 },
  })
  expect(configOf(await readText(withMore(''))).watchdog).toEqual({
    ...{ mode: 'automatic', device: '/dev/watchdog', driver: 'default', safetyMarginMs: 5000 },
  })
})
