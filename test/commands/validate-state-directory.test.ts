// `hactl agent --validate-config` says of the state directory and of the log's what the agent's own start would: as the user of
// PostgreSQL, for whom others could change what is there.

import { chmod, chown, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freePort } from '../adapters/free-port.ts'
import { tryRun } from '../cluster/harness/run.ts'
import { postgresBin } from '../cluster/harness/servers.ts'
import { asPostgres, postgresUser } from '../cluster/harness/stage.ts'

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'hactl')
let top: string
let uid: number

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'hactl-validate-'))
  const postgres = await postgresUser()
  uid = postgres.uid
  await chown(top, postgres.uid, postgres.gid)
})
afterEach(() => rm(top, { recursive: true, force: true }))

async function agent(state: string, ...options: readonly string[]) {
  const file = join(top, 'node.yml')
  const [rest, postgres] = await Promise.all([freePort(), freePort()])
  await writeFile(
    file,
    `scope: main
name: pg1
restapi: {listen: 127.0.0.1:${rest}}
etcd3: {hosts: 127.0.0.1:1}
log: {dir: ${top}/log}
hactl: {state_directory: ${state}}
postgresql:
  listen: 127.0.0.1:${postgres}
  data_dir: ${top}/data
  bin_dir: ${postgresBin}
  authentication:
    superuser: {username: postgres, password: x1}
    replication: {username: replicator, password: x2}
`,
  )
  await mkdir(join(top, 'log'), { recursive: true })
  await chown(join(top, 'log'), uid, 0)
  const ran = await tryRun([...asPostgres, launcher, 'agent', ...options, file], { cwd: '/' })
  const log = await tryRun(['cat', join(top, 'log', 'patroni.log')])
  return { ...ran, log: log.stdout }
}

/** How each is made, and what is said of it. */
const UNSAFE: readonly (readonly [string, (state: string) => Promise<unknown>, (state: string) => string])[] =
  [
    [
      'others may write it',
      async state => {
        await mkdir(state)
        await chown(state, uid, 0)
        await chmod(state, 0o777)
      },
      state => `${state} may be written by others (mode 0777): chmod 0700 ${state}`,
    ],
    [
      'somebody else made the link to it',
      async state => {
        await mkdir(`${state}.real`)
        await chown(`${state}.real`, uid, 0)
        await symlink(`${state}.real`, state)
        await tryRun(['chown', '-h', 'nobody', state])
      },
      state => `${state} is a link of the user with id 65534`,
    ],
    [
      'everybody may write above it, and it is not there yet',
      state => chmod(join(state, '..'), 0o777),
      state =>
        `${join(state, '..')}, above ${state}, may be written by everybody: chmod o-w ${join(state, '..')}`,
    ],
  ]

test.each(UNSAFE)('%s: both refuse', async (_what, make, said) => {
  const state = join(top, 'above', 'state')
  await mkdir(join(top, 'above'))
  await make(state)
  const validated = await agent(state, '--validate-config')
  expect(validated.stderr).toContain(`hactl.state_directory: the agent would not start: ${said(state)}`)
  expect(validated.code).toBe(1)
  const started = await agent(state)
  expect([started.code, started.log]).toEqual([1, expect.stringContaining(`Can't start; ${said(state)}`)])
})

test('one that is its own, or that is still to be made, is not named; a log that everybody may write is', async () => {
  const state = join(top, 'state')
  const { stderr } = await agent(state, '--validate-config')
  expect(stderr).not.toMatch(/state_directory|log\.dir/)
  await mkdir(state, { mode: 0o700 })
  await chown(state, uid, 0)
  await chmod(join(top, 'log'), 0o777)
  const open = await agent(state, '--validate-config')
  expect(open.stderr).not.toContain('state_directory')
  expect(open.stderr).toContain(
    `log.dir: everybody may write ${top}/log, and put a link in the place of the log`,
  )
})
