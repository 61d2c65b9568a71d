// What belongs to one node stays its own: the directory that its server works on, and its configuration files.

import { execFile } from 'node:child_process'
import {
  chmod,
  chown,
  copyFile,
  lchown,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  stat,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Lab, type Node, ok, openLab, runAs, signalIdle, until } from './postgres-harness.ts'

const run = promisify(execFile)
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
  // Of a server that ran with other files this one says that they are not missed.
  const base = node === a ? 'postgresql.base.conf' : 'postgresql.conf'
  await writeFile(join(directory, base), `${conf.join('\n')}\n`)
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

test('a private key in the data directory is named when a server starts with it, once', async () => {
  const keyed = await lab.node('keyed', { parameters: { ssl: 'on' } })
  ok(await keyed.postgres.initdb(signalIdle(), () => {}))
  const at = (name: string) => join(keyed.directory, name)
  const subject = ['-nodes', '-days', '2', '-subj', '/CN=keyed', '-keyout', at('server.key')]
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject, '-out', at('server.crt')])
  if (runAs !== undefined) await chown(at('server.key'), runAs.uid, runAs.gid)
  await keyed.start()
  await keyed.stop()
  await keyed.start()
  const said = keyed.messages.filter(message => message.includes('private key'))
  expect(said).toEqual([expect.stringMatching(`^warning the private key ${at('server.key')} lies in`)])
  await keyed.stop()
})

describe('what lies in the data directory and is the node’s own', () => {
  const OWN = ['postgresql.base.conf', 'conf.d/own.conf', 'pg_hba.conf', 'server.crt', 'tls/server.key']

  /** Files that name their node, a key that only its owner may read, and a link that no copy brings along. */
  async function furnish(node: Node) {
    const at = (name: string) => join(node.directory, name)
    await mkdir(at('conf.d'), { recursive: true })
    await mkdir(at('tls'), { recursive: true })
    const base = await readFile(at('postgresql.base.conf'), 'utf8')
    const own = `include_dir 'conf.d'\nssl_key_file = 'tls/server.key'\nssl_ca_file = 'ca.crt'\n`
    await writeFile(at('postgresql.base.conf'), `${base}\n${own}# ${node.name}\n`)
    await writeFile(at('conf.d/own.conf'), `lab.owner = '${node.name}'\n`)
    await writeFile(at('pg_hba.conf'), `${await readFile(at('pg_hba.conf'), 'utf8')}# ${node.name}\n`)
    await writeFile(at('server.crt'), `certificate of ${node.name}\n`)
    await writeFile(at('tls/server.key'), `key of ${node.name}\n`)
    await chmod(at('tls/server.key'), 0o600)
    await symlink(`/etc/ca-${node.name}.crt`, at('ca.crt'))
    for (const name of ['conf.d', 'tls', ...OWN, 'ca.crt'])
      if (runAs !== undefined) await lchown(at(name), runAs.uid, runAs.gid)
  }

  async function isAllOwn(node: Node) {
    const at = (name: string) => join(node.directory, name)
    for (const name of OWN) expect(await readFile(at(name), 'utf8'), name).toMatch(node.name)
    expect((await stat(at('tls/server.key'))).mode & 0o777).toBe(0o600)
    if (runAs !== undefined) expect((await stat(at('tls/server.key'))).uid).toBe(runAs.uid)
    expect(await readlink(at('ca.crt'))).toBe(`/etc/ca-${node.name}.crt`)
    await expect(readdir(join(`${node.directory}.hactl`, 'own-files'))).rejects.toThrow('ENOENT')
  }

  test('survives a rewind, a new copy, and one whose agent died', async () => {
    const first = await lab.primary('first')
    const second = await lab.standby('second', first)
    await until('second streams', async () => (await second.server()).walReceiver?.status === 'streaming')
    await furnish(first)
    await furnish(second)
    // A link on one side only: pg_rewind would refuse it.
    await unlink(join(second.directory, 'ca.crt'))
    await writeFile(join(second.directory, 'ca.crt'), 'authority of second\n')
    ok(await second.postgres.promote(20_000, signalIdle()))
    await second.query('CREATE TABLE t AS SELECT 1 AS n')
    await second.query('CHECKPOINT')
    await first.query('CREATE TABLE u AS SELECT 1 AS n')
    await first.stop()
    ok(await first.postgres.rewind(second.upstream, signalIdle(), () => {}))
    await isAllOwn(first)
    expect(first.messages.join('\n')).toContain("this node's own files were put back: ")
    await first.start({ as: 'standby', upstream: second.upstream })
    expect(await first.query("SELECT current_setting('lab.owner') AS of")).toEqual([{ of: 'first' }])
    await first.stop()

    ok(await first.postgres.removeDataDirectory())
    ok(await first.postgres.basebackup(second.upstream, signalIdle(), () => {}))
    await isAllOwn(first)

    // Cancelled on its way, and begun again by the next agent.
    const cancelled = await first.postgres.basebackup(second.upstream, AbortSignal.timeout(1), () => {})
    expect(cancelled.ok).toBe(false)
    const next = first.again()
    ok(await next.basebackup(second.upstream, signalIdle(), () => {}))
    await next.close()
    await isAllOwn(first)
    await second.stop()
  })

  test('a copy that was killed after it was whole: the next start puts them back', async () => {
    const [source, node] = [await lab.primary('source'), await lab.node('node')]
    const state = `${node.directory}.hactl/own-files`
    await furnish(source)
    await mkdir(state, { recursive: true })
    await writeFile(join(state, '0'), 'key of node\n')
    const list = [{ name: 'tls/server.key', mode: 0o600, target: null }]
    await writeFile(join(state, 'list.json'), JSON.stringify(list))
    const elsewhere = node.again()
    await rename(state, `${state}.hidden`)
    ok(await elsewhere.basebackup(source.upstream, signalIdle(), () => {}))
    await rename(`${state}.hidden`, state)
    await node.start({ as: 'standby', upstream: source.upstream })
    expect(await readFile(join(node.directory, 'tls/server.key'), 'utf8')).toBe('key of node\n')
    expect(await readFile(join(node.directory, 'server.crt'), 'utf8')).toMatch('source')
    await elsewhere.close()
  })
})
