// A new cluster: initdb, roles with awkward passwords, the post_bootstrap command, and where no secret may appear.

import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPostgres } from '../../../src/postgres/postgres.ts'
import {
  clock,
  type Lab,
  type Node,
  ok,
  openLab,
  REPLICATION_PASSWORD,
  runAs,
  SUPERUSER_PASSWORD,
  signalIdle,
} from './postgres-harness.ts'

let lab: Lab
beforeAll(async () => {
  lab = await openLab()
})
afterAll(() => lab.close())

describe('bootstrap with awkward passwords and every kind of logging', () => {
  let node: Node
  let script: string
  const phases: string[] = []

  beforeAll(async () => {
    script = join(lab.directory, 'post bootstrap.sh')
    await writeFile(
      script,
      `#!/bin/sh\ntr '\\0' ' ' < /proc/$$/cmdline > '${lab.directory}/argv'\n/usr/bin/psql "$2" -Atc "CREATE TABLE by_script AS SELECT '$1'::text AS word" >> '${lab.directory}/said' 2>&1\n`,
    )
    await chmod(script, 0o755)
    node = await lab.node('new', {
      parameters: { log_statement: 'all', log_min_duration_statement: 0, log_min_error_statement: 'debug5' },
      bootstrap: {
        postBootstrap: `'${script}' 'two words'`,
        pgHba: [
          'host all all 127.0.0.1/32 scram-sha-256',
          'host replication replicator 127.0.0.1/32 scram-sha-256',
        ],
      },
    })
    const report = ({ phase }: { phase: string }) => phases.push(phase)
    ok(await node.postgres.initdb(signalIdle(), report))
    await node.start()
    // (B13) without a synchronous standby, and nobody there: nothing may wait for one.
    await node.query(`ALTER SYSTEM SET synchronous_standby_names = '*'`)
    await node.query('SELECT pg_reload_conf()')
    ok(await node.postgres.finishBootstrap(signalIdle(), report))
  })

  test('the options of initdb are in force, and the phases were told', async () => {
    expect(await node.query('SHOW data_checksums')).toEqual([{ data_checksums: 'on' }])
    expect(phases).toEqual(['initdb', 'creating roles', 'post_bootstrap', 'creating roles'])
  })

  test('(B10) roles log in with quotes, backslashes and per cent signs in their passwords', async () => {
    const users = [
      ['admin', SUPERUSER_PASSWORD],
      ['replicator', REPLICATION_PASSWORD],
    ] as const
    for (const [user, password] of users) {
      const client = new pg.Client({
        host: '127.0.0.1',
        port: node.config.port,
        user,
        password,
        database: 'postgres',
        connectionTimeoutMillis: 10_000,
      })
      await client.connect()
      expect((await client.query('SELECT current_user AS name')).rows).toEqual([{ name: user }])
      await client.end()
    }
  })

  test('roles have their attributes', async () => {
    const rows = await node.query(
      `SELECT rolname, rolsuper, rolreplication, rolcreatedb, rolcanlogin FROM pg_roles
        WHERE rolname IN ('admin', 'replicator') ORDER BY rolname`,
    )
    expect(rows).toEqual([
      { rolname: 'admin', rolsuper: true, rolreplication: true, rolcreatedb: true, rolcanlogin: true },
      { rolname: 'replicator', rolsuper: false, rolreplication: true, rolcreatedb: false, rolcanlogin: true },
    ])
  })

  test('(B05) no password in the server log, in our messages, or in any file of the lab but the pgpass', async () => {
    const log = await readFile(`${node.directory}.hactl/postgres.log`, 'utf8')
    expect(log).toContain('statement: CREATE TABLE by_script')
    for (const secret of [SUPERUSER_PASSWORD, REPLICATION_PASSWORD, 'PASSWORD', "pa''ss"]) {
      expect(log).not.toContain(secret)
      expect(node.messages.join('\n')).not.toContain(secret)
    }
    const files = await readdir(lab.directory)
    expect(files.filter(name => /pass|initdb/.test(name))).toEqual([])
  })

  test('files with secrets, and those of the state directory, are for their owner alone', async () => {
    const state = `${node.directory}.hactl`
    const found = (await readdir(state, { recursive: true })).map(name => join(state, name))
    expect(found).toContain(join(state, 'postgres.log'))
    const own = ['postgresql.conf', 'postgresql.base.conf', 'pg_hba.conf'].map(name =>
      join(node.directory, name),
    )
    const open: string[] = []
    for (const path of [state, ...found, ...own]) if (((await stat(path)).mode & 0o077) !== 0) open.push(path)
    expect(open).toEqual([])
  })

  test('(B12) post_bootstrap ran once, with the connection string as last argument, without a password in it', async () => {
    expect(await node.query('SELECT word FROM by_script')).toEqual([{ word: 'two words' }])
    const argv = await readFile(join(lab.directory, 'argv'), 'utf8')
    expect(argv).toContain(`user=admin host=127.0.0.1 port=${node.config.port}`)
    expect(argv).not.toContain('pass')
  })

  test('bootstrap.pg_hba is in force: nothing but its lines and those of initdb', async () => {
    const rows = await node.query(
      `SELECT 1 FROM pg_hba_file_rules WHERE address = '127.0.0.1' AND auth_method = 'scram-sha-256'`,
    )
    expect(rows.length).toBeGreaterThanOrEqual(2)
  })

  test('that the lines of initdb let every local user in is said, because they come before those of bootstrap.pg_hba', async () => {
    expect(node.messages.filter(message => message.includes('pg_hba'))).toEqual([
      'warning the pg_hba.conf that initdb made lets every user of this machine log in as any role without a ' +
        'password (trust), the superuser included. HINT: Set postgresql.pg_hba, or before a cluster is created ' +
        'auth: scram-sha-256 among the options of bootstrap.initdb.',
    ])
    const local = await lab.node('asks', {
      bootstrap: {
        initdb: [
          { name: 'auth-local', value: 'peer' },
          { name: 'auth-host', value: 'scram-sha-256' },
        ],
      },
    })
    const listed = await lab.node('lists', { pgHba: ['host all all 127.0.0.1/32 scram-sha-256'] })
    for (const other of [local, listed]) {
      ok(await other.postgres.initdb(signalIdle(), () => {}))
      expect(other.messages).toEqual([])
    }
  })

  test('a second run changes nothing and succeeds (roles exist)', async () => {
    await node.query('SET synchronous_commit = local; DROP TABLE by_script')
    ok(await node.postgres.finishBootstrap(signalIdle(), () => {}))
  })

  test('a post_bootstrap that fails is a failure with its last words', async () => {
    await writeFile(script, '#!/bin/sh\necho no such thing >&2\nexit 3\n')
    const outcome = await node.postgres.finishBootstrap(signalIdle(), () => {})
    expect(outcome).toEqual({ ok: false, why: 'post_bootstrap ended with exit code 3: no such thing' })
  })
})

describe('what is refused', () => {
  test('(B02) options that hactl sets itself', async () => {
    for (const name of ['pgdata', 'pwfile', 'nosync', 'version', 'sync-only']) {
      const node = await lab.node(`refused-${name}`, { bootstrap: { initdb: [{ name, value: 'x' }] } })
      const outcome = await node.postgres.initdb(signalIdle(), () => {})
      expect(outcome).toEqual({ ok: false, why: `initdb: option ${name} is not allowed: hactl sets it` })
    }
  })

  test('initdb that fails says why, and no password file is left', async () => {
    const node = await lab.node('bad', { bootstrap: { initdb: [{ name: 'encoding', value: 'nonsense' }] } })
    const outcome = await node.postgres.initdb(signalIdle(), () => {})
    expect(outcome).toMatchObject({ ok: false, why: expect.stringContaining('nonsense') })
    expect(await readdir(`${node.directory}.hactl/passwords`)).toEqual([])
  })

  test('a cancelled initdb says so', async () => {
    const node = await lab.node('cancelled')
    const outcome = await node.postgres.initdb(AbortSignal.timeout(50), () => {})
    expect(outcome).toEqual({ ok: false, why: 'initdb was cancelled', cancelled: true })
  })

  test('no bootstrap section: this node may not create a cluster', async () => {
    const node = await lab.node('none')
    const postgres = createPostgres({
      ...{
        config: node.config,
        effective: node.effective,
        scope: 'lab',
        name: 'none',
        bootstrap: null,
        clock,
      },
      log: () => {},
      ...(runAs === undefined ? {} : { runAs }),
    })
    expect(await postgres.initdb(signalIdle(), () => {})).toMatchObject({ ok: false })
    await postgres.close()
  })

  test.runIf(runAs !== undefined)('root without runAs: refused with a clear error', async () => {
    const node = await lab.node('root')
    const options = {
      config: node.config,
      effective: node.effective,
      scope: 'lab',
      name: 'root',
      bootstrap: null,
    }
    expect(() => createPostgres({ ...options, clock, log: () => {} })).toThrow(/does not run as root/)
  })
})

describe('without a superuser password', () => {
  test('(B01) no password file, the operating system user is the superuser, a rewind user gets its grants', async () => {
    const base = await lab.node('trust', {
      bootstrap: { initdb: [{ name: 'locale', value: 'C' }], pgHba: ['host all all 127.0.0.1/32 trust'] },
    })
    const rewind = { username: 'rewinder', password: 'x', options: {} }
    const config = {
      ...base.config,
      authentication: { ...base.config.authentication, superuser: null, rewind },
    }
    const postgres = createPostgres({
      ...{ config, effective: base.effective, scope: 'lab', name: 'trust', clock, log: () => {} },
      bootstrap: {
        dcs: {},
        initdb: [{ name: 'locale', value: 'C' }],
        pgHba: [],
        postBootstrap: null,
      },
      ...(runAs === undefined ? {} : { runAs }),
    })
    ok(await postgres.initdb(signalIdle(), () => {}))
    ok(await postgres.start({ as: 'primary', upstream: null, timeoutMs: 20_000 }, signalIdle()))
    ok(await postgres.finishBootstrap(signalIdle(), () => {}))
    const client = new pg.Client({
      host: '127.0.0.1',
      port: config.port,
      user: 'rewinder',
      database: 'postgres',
    })
    await client.connect()
    const { rows } = await client.query(`SELECT length(pg_read_binary_file('PG_VERSION')) AS bytes`)
    expect(rows).toEqual([{ bytes: 3 }])
    await client.end()
    ok(await postgres.stop({ mode: 'fast', checkpoint: false, timeoutMs: 5000 }, signalIdle()))
    await postgres.close()
  })
})

describe('a bootstrap that was broken off', () => {
  const marked = { dataDirectory: { kind: 'present', unfinished: 'bootstrap' } }

  test('is told from a finished one until its roles are made; without the option its locale is the agent’s', async () => {
    const node = await lab.node('half', { bootstrap: { initdb: [] } })
    const before = process.env.LC_ALL
    process.env.LC_ALL = 'C.UTF-8'
    ok(await node.postgres.initdb(signalIdle(), () => undefined))
    if (before === undefined) delete process.env.LC_ALL
    else process.env.LC_ALL = before
    expect(await node.see()).toMatchObject(marked)
    await node.start()
    expect(await node.query('SELECT DISTINCT datcollate FROM pg_database')).toEqual([
      { datcollate: 'C.UTF-8' },
    ])
    expect(await node.see()).toMatchObject(marked)
    ok(await node.postgres.finishBootstrap(signalIdle(), () => undefined))
    expect((await node.see()).dataDirectory).toMatchObject({ unfinished: null })
  })

  test('without a control file is no data, and the next initdb takes its place', async () => {
    const node = await lab.node('stub', { bootstrap: {} })
    ok(await node.postgres.initdb(signalIdle(), () => undefined))
    await rm(join(node.config.dataDir, 'global', 'pg_control'))
    expect((await node.see()).dataDirectory).toEqual({ kind: 'empty' })
    ok(await node.postgres.initdb(signalIdle(), () => undefined))
    ok(await node.postgres.setDataDirectoryAside())
    expect((await node.see()).dataDirectory).toEqual({ kind: 'empty' })
  })
})
