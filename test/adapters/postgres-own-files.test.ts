// What belongs to one node stays its own: the directory that its server works on, and its configuration files.

import { chown, copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Lab, type Node, ok, openLab, runAs, signalIdle, until } from './postgres-harness.ts'

let lab: Lab
let a: Node
beforeAll(async () => {
  lab = await openLab()
  a = await lab.primary('a')
})
afterAll(() => lab.close())

/** A configuration directory as Debian makes it, with a file that names data directory, port and pid file. */
async function configDirectoryOf(node: Node, name: string, files: Readonly<Record<string, string>>) {
  const directory = join(lab.directory, name)
  await mkdir(directory)
  if (runAs !== undefined) await chown(directory, runAs.uid, runAs.gid)
  const conf = [
    `data_directory = '${node.directory}'`,
    `hba_file = '${directory}/pg_hba.conf'`,
    `external_pid_file = '${directory}/main.pid'`,
    `port = ${node.config.port}`,
    `lab.owner = '${node.name}'`,
  ]
  await writeFile(join(directory, 'postgresql.conf'), `${conf.join('\n')}\n`)
  for (const [file, from] of Object.entries(files)) await copyFile(from, join(directory, file))
  return directory
}

describe('two nodes with config_dir outside their data directories', () => {
  test('(x2) the copy starts on its own directory, with its own base file', async () => {
    const access = {
      'pg_hba.conf': join(a.directory, 'pg_hba.conf'),
      'pg_ident.conf': join(a.directory, 'pg_ident.conf'),
    }
    const first = a.again({ configDir: await configDirectoryOf(a, 'etc-a', access) })
    await a.stop()
    ok(await first.start({ as: 'primary', upstream: null, timeoutMs: 20_000 }, signalIdle()))

    const b = await lab.node('b')
    const etc = await configDirectoryOf(b, 'etc-b', access)
    const second = b.again({ configDir: etc })
    ok(await second.basebackup(a.upstream, signalIdle(), () => {}))
    ok(await second.start({ as: 'standby', upstream: a.upstream, timeoutMs: 20_000 }, signalIdle()))
    const shown = "SELECT current_setting('data_directory') AS at, current_setting('lab.owner') AS of"
    expect(await b.query(shown)).toEqual([{ at: b.directory, of: 'b' }])
    expect(await a.query(shown)).toEqual([{ at: a.directory, of: 'a' }])
    expect(await readFile(join(etc, 'postgresql.base.conf'), 'utf8')).toContain(b.directory)
    ok(await second.stop({ mode: 'fast', checkpoint: true, timeoutMs: 20_000 }, signalIdle()))
    await second.close()
    await first.close()
  })

  test("a base file that is another node's: nothing is started, recovered or asked on that node's directory", async () => {
    const c = await lab.node('c')
    const etc = join(lab.directory, 'etc-a')
    await mkdir(join(lab.directory, 'etc-c'))
    for (const name of ['postgresql.base.conf', 'pg_hba.conf', 'pg_ident.conf'])
      await copyFile(join(etc, name), join(lab.directory, 'etc-c', name))
    if (runAs !== undefined) await chown(join(lab.directory, 'etc-c'), runAs.uid, runAs.gid)
    const third = c.again({ configDir: join(lab.directory, 'etc-c') })
    ok(await third.basebackup(a.upstream, signalIdle(), () => {}))
    // Even its lock would not help any more.
    await a.query('CHECKPOINT')
    await rename(join(a.directory, 'postmaster.pid'), join(a.directory, 'hidden.pid'))
    ok(await third.start({ as: 'standby', upstream: a.upstream, timeoutMs: 20_000 }, signalIdle()))
    await rename(join(a.directory, 'hidden.pid'), join(a.directory, 'postmaster.pid'))
    const [row] = await c.query('SHOW data_directory')
    expect(row).toEqual({ data_directory: c.directory })
    expect(c.messages.join('\n')).toContain(`names another data directory, ${a.directory}`)
    expect(await readFile(join(etc, 'main.pid'), 'utf8')).toBe(
      `${(await a.see()).process.kind === 'running' ? await a.pid() : ''}\n`,
    )
    ok(await third.promote(20_000, signalIdle()))
    ok(await third.stop({ mode: 'immediate', checkpoint: false, timeoutMs: 20_000 }, signalIdle()))
    await until('c is down', async () => (await third.look(5000)).process.kind === 'stopped')
    ok(await third.crashRecovery(signalIdle()))
    const view = await third.look(5000)
    expect(view.dataDirectory).toMatchObject({ control: { value: { state: 'shut down' } } })
    await third.close()
  })
})
