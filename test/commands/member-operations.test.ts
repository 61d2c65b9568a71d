// Commands that act on members, against members that answer as spec/interfaces.md 1.8 says: done, refused, already so, dead,
// frozen, unknown names, nobody to ask.

import { expect, test } from 'vitest'
import { duoForEachTest } from './stage/duo.ts'
import { openTerminal } from './stage/terminal.ts'

const duo = duoForEachTest()

const asked = () =>
  duo.cluster.members.flatMap(({ name, requests }) =>
    requests.filter(({ line }) => !line.startsWith('GET')).map(({ line }) => `${name} ${line}`),
  )

function allReload(): void {
  for (const member of duo.cluster.members)
    member.onLine = async line => (line === 'POST /reload' ? [202, 'reload scheduled'] : null)
}

test('reload: all, one, by role, wrong names, nobody to ask', async () => {
  allReload()
  const text = await duo.stage.transcript([
    ['reload', 'duo', '--force'],
    ['reload', 'duo', 'pg1', '--force', '--json'],
    ['reload', 'duo', '-r', 'replica', '--force'],
    ['reload', 'duo', 'pg0', '-r', 'replica', '--force'],
    ['reload', 'duo', 'pg1', 'pg7', '--force'],
    ['reload', 'dua', '--force'],
    ['reload', 'duo', 'pg1'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/reload.txt')
  expect(asked()).toEqual([
    'pg0 POST /reload',
    ...['pg1 POST /reload', 'pg1 POST /reload', 'pg1 POST /reload'],
    ...['pg2 POST /reload', 'pg2 POST /reload'],
  ])
})

test('reload: one dead, one frozen: a row each, exit code 7, or 9 when none answers', async () => {
  allReload()
  await duo.cluster.member('pg1').close()
  duo.cluster.member('pg2').hung = true
  const text = await duo.stage.transcript([
    ['reload', 'duo', '--force'],
    ['reload', 'duo', 'pg2', '--force', '--json'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/reload-silent.txt')
})

test('a member in the place of the cluster: said, with the right words', async () => {
  const ran = await duo.stage.hactl(['reload', 'pg1', '--force'], {
    env: { PATRONI_SCOPE: 'duo', PATRONI_NAME: 'x' },
  })
  expect([ran.code, ran.stderr]).toEqual([
    2,
    'error: pg1 is a member of cluster duo, not a cluster\nHINT: the cluster comes first: hactl reload duo pg1\n',
  ])
})

test('reload asks on a terminal, and no is the default', async () => {
  allReload()
  const terminal = openTerminal(['reload', 'duo', 'pg1', 'pg2'], { DCS_URL: duo.stage.url })
  await terminal.until('Are you sure you want to reload members pg1, pg2?')
  terminal.type('\r')
  expect(await terminal.end()).toBe(3)
  expect(asked()).toEqual([])
})

test('etcd is dead: each command says so and does nothing', async () => {
  for (const words of [
    ['reload', 'duo'],
    ['restart', 'duo'],
    ['reinit', 'duo', 'pg1'],
    ['flush', 'duo', 'restart'],
    ['rolling', 'restart', 'duo'],
  ]) {
    const ran = await duo.stage.hactl([...words, '--force'], { env: { DCS_URL: 'etcd3://127.0.0.1:1' } })
    expect([words, ran.code, ran.stdout]).toEqual([words, 8, ''])
  }
})

test('called as patronictl: its words, and an answer is an answer', async () => {
  allReload()
  const env = { HACTL_CALLED_AS: 'patronictl' }
  const reloaded = await duo.stage.hactl(['reload', 'duo', 'pg1', '--force'], { env })
  expect([reloaded.code, reloaded.stdout.split('\n').at(-2)]).toEqual([
    0,
    'Reload request received for member pg1 and will be processed within 10 seconds',
  ])
  duo.cluster.member('pg1').onLine = async line => (line === 'POST /restart' ? [503, 'restart failed'] : null)
  const refused = await duo.stage.hactl(['restart', 'duo', 'pg1', '--force'], { env })
  expect([refused.code, refused.stderr, refused.stdout.split('\n').at(-2)]).toEqual([
    0,
    '',
    'Failed: restart for member pg1, status code=503, (restart failed)',
  ])
  const nothing = await duo.stage.hactl(['flush', 'duo', 'pg1', 'restart', '--force'], { env })
  expect(nothing.stdout).toContain('No scheduled restart for member pg1\n')
})
