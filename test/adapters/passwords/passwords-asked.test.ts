// A password is given only to a server that may ask for it so: our own connections follow sslmode, channel_binding and
// require_auth as libpq does. Against a server that asks as it likes, and against PostgreSQL itself.

import { chmod, chown, copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, test, vi } from 'vitest'
import { type ConnectTarget, queryOnce } from '../../../src/postgres/session/connection.ts'
import { runSql } from '../../../src/sql/run.ts'
import { systemClock } from '../../../src/system/clock.ts'
import { type Authority, createAuthority } from '../../rest/certificates.ts'
import { type Lab, type Node, openLab, runAs } from '../postgres/postgres-harness.ts'
import { type FakeServer, fakeServer } from './fake-server.ts'

const LIMIT_MS = 10_000
const PASSWORD = 'SU-secret-11'

let ours: Authority
let pair: { cert: string; key: string }
beforeAll(async () => {
  ours = await createAuthority()
  pair = await ours.issue('server')
})
afterAll(() => ours.remove())

let md5Told = 0
function onMd5(): void {
  md5Told += 1
}
function target({ port }: { port: number }, security: Record<string, string>): ConnectTarget {
  const place = { host: '127.0.0.1', port, database: 'postgres', user: 'admin', applicationName: 'test' }
  return { ...place, password: PASSWORD, security, onMd5 }
}

/** Why a login failed; what was sent is in `got`. */
async function whyNot(server: FakeServer, security: Record<string, string>): Promise<string> {
  const answer = await queryOnce(target(server, security), 'SELECT 1', LIMIT_MS)
  return answer.ok ? 'let in' : `${answer.kind}: ${answer.why}`
}

const sent = ({ got }: FakeServer) => got.filter(line => line.startsWith('password'))

/** The fake server answers no query: a login that was good ends with the limit of its question. */
async function isLetIn(server: FakeServer, security: Record<string, string>): Promise<boolean> {
  const answer = await queryOnce(target(server, security), 'SELECT 1', 1500)
  return answer.ok || answer.kind === 'timeout'
}

describe('in clear text', () => {
  const refused =
    /^login: the server asks for the password in clear text, and who it is was not verified: nothing was sent/
  it.each([
    ['over TCP', false, {}],
    ['over TCP, without TLS', false, { sslmode: 'disable' }],
    ['over TLS', true, {}],
    ['over TLS that is required', true, { sslmode: 'require' }],
    ['over TLS, if TCP is refused', true, { sslmode: 'allow' }],
  ])('%s: not to somebody who was not verified, with a hint', async (_, hasTls, security) => {
    const server = await fakeServer({ asks: 'cleartext', ...(hasTls && { tls: pair }) })
    const why = await whyNot(server, security)
    expect(why).toMatch(refused)
    expect(why).toMatch(
      /sslmode to verify-full with sslrootcert for this account, or allow it with require_auth/,
    )
    expect(sent(server)).toEqual([])
    // One attempt: what this side refuses is not asked for again without TLS.
    expect(server.got.filter(line => line === 'startup')).toHaveLength(1)
  })

  it.each(['verify-ca', 'verify-full', 'require', 'prefer'])(
    'to a server with a verified certificate: %s',
    async mode => {
      const server = await fakeServer({ asks: 'cleartext', tls: pair })
      expect(await isLetIn(server, { sslmode: mode, sslrootcert: ours.ca })).toBe(true)
      expect(server.got).toEqual(['SSLRequest', 'startup', `password ${PASSWORD}`])
    },
  )

  it('where require_auth names it', async () => {
    const server = await fakeServer({ asks: 'cleartext' })
    expect(await isLetIn(server, { require_auth: 'password,scram-sha-256' })).toBe(true)
    expect(sent(server)).toEqual([`password ${PASSWORD}`])
  })
})

describe('sslmode', () => {
  const order = async (
    security: Record<string, string>,
    hasTls: boolean,
    asks: 'md5' | 'nothing' = 'nothing',
  ) => {
    const server = await fakeServer({ asks, ...(hasTls && { tls: pair }) })
    const why = (await isLetIn(server, security)) ? 'in' : 'out'
    return `${server.got.filter(line => !line.startsWith('password')).join(' ')}: ${why}`
  }
  it('tries in the order of libpq', async () => {
    expect(await order({ sslmode: 'disable' }, true)).toBe('startup: in')
    expect(await order({ sslmode: 'allow' }, true)).toBe('startup: in')
    expect(await order({}, true)).toBe('SSLRequest startup: in')
    expect(await order({ sslmode: 'prefer' }, false)).toBe('SSLRequest startup: in')
    expect(await order({ sslmode: 'require' }, true)).toBe('SSLRequest startup: in')
    expect(await order({ sslmode: 'require' }, false)).toBe('SSLRequest: out')
    expect(await order({ sslmode: 'verify-full', sslrootcert: ours.ca }, false)).toBe('SSLRequest: out')
  })

  it('verifies the chain where there is a root certificate, in every mode, and the name with verify-full', async () => {
    const other = await createAuthority()
    const [foreign, misnamed] = await Promise.all([
      other.issue('server'),
      ours.issue('named', 'another.name'),
    ])
    const root = { sslrootcert: ours.ca }
    for (const sslmode of ['require', 'verify-ca', 'verify-full']) {
      const server = await fakeServer({ asks: 'nothing', tls: foreign })
      expect(await whyNot(server, { sslmode, ...root })).toMatch(/certificate/)
      expect(server.got).toEqual(['SSLRequest'])
    }
    const named = await fakeServer({ asks: 'nothing', tls: misnamed })
    expect(await isLetIn(named, { sslmode: 'verify-ca', ...root })).toBe(true)
    expect(await isLetIn(named, { sslmode: 'require', ...root })).toBe(true)
    expect(await whyNot(named, { sslmode: 'verify-full', ...root })).toMatch(/altnames/)
    await other.remove()
  })

  it('says what is wrong with the configuration before anything is asked', async () => {
    const server = await fakeServer({ asks: 'nothing', tls: pair })
    const why = (security: Record<string, string>) => whyNot(server, security)
    expect(await why({ sslmode: 'verify-ca' })).toMatch(
      /^login: sslmode is verify-ca, but there is no root certificate: set/,
    )
    expect(await why({ sslmode: 'require', sslrootcert: '/no/such.crt' })).toMatch(
      /sslrootcert \/no\/such.crt cannot be/,
    )
    expect(await why({ sslmode: 'require', sslrootcert: 'system' })).toMatch(
      /needs sslmode verify-full, and not require/,
    )
    expect(await why({ sslmode: 'on' })).toMatch(/sslmode "on" is none of/)
    expect(await why({ channel_binding: 'yes' })).toMatch(/channel_binding "yes" is none of/)
    expect(await why({ require_auth: 'scram' })).toMatch(/require_auth: "scram" is none of/)
    expect(await why({ gssencmode: 'require' })).toMatch(/cannot be encrypted with GSSAPI/)
    expect(server.got).toEqual([])
  })
})

describe('channel_binding', () => {
  const required = { channel_binding: 'require' }
  it.each([
    ['cleartext', true, { sslmode: 'require' }, /asks for authentication by password, which cannot be bound/],
    ['md5', true, { sslmode: 'require' }, /asks for authentication by md5, which cannot be bound/],
    ['scram', true, { sslmode: 'require' }, /the server does not offer it/],
    ['scram-plus', false, { sslmode: 'disable' }, /the connection is not TLS/],
    ['nothing', true, { sslmode: 'require' }, /let this client in without it/],
  ] as const)('required, and the server asks for %s', async (asks, hasTls, security, why) => {
    const server = await fakeServer({ asks, ...(hasTls && { tls: pair }) })
    expect(await whyNot(server, { ...security, ...required })).toMatch(why)
    expect(sent(server)).toEqual([])
  })

  it('is used where it is offered, and left out where it is disabled', async () => {
    const server = await fakeServer({ asks: 'scram-plus', tls: pair })
    await isLetIn(server, {})
    await isLetIn(server, { channel_binding: 'disable' })
    expect(sent(server).map(line => line.replace(/\0.*/s, ''))).toEqual([
      'password SCRAM-SHA-256-PLUS',
      'password SCRAM-SHA-256',
    ])
  })
})

describe('require_auth', () => {
  it.each([
    ['scram-sha-256', 'cleartext', /asks for authentication by password, which require_auth does not allow/],
    ['scram-sha-256', 'md5', /asks for authentication by md5, which require_auth does not allow/],
    ['!md5, !password', 'md5', /does not allow/],
    ['md5', 'scram', /asks for authentication by scram-sha-256, which require_auth does not allow/],
    ['scram-sha-256', 'nothing', /let this client in without authentication/],
    ['!none', 'nothing', /let this client in without authentication/],
  ] as const)('%s, and the server asks for %s', async (require_auth, asks, why) => {
    const server = await fakeServer({ asks })
    expect(await whyNot(server, { require_auth })).toMatch(why)
    expect(sent(server)).toEqual([])
  })

  it('MD5 is answered, as by libpq, and told, unless require_auth forbids it', async () => {
    const server = await fakeServer({ asks: 'md5' })
    const before = md5Told
    expect(await isLetIn(server, {})).toBe(true)
    expect(sent(server)).toEqual([expect.stringMatching(/^password md5[0-9a-f]{32}$/)])
    expect(md5Told).toBe(before + 1)
    const known = await fakeServer({ asks: 'md5', tls: pair })
    expect(await isLetIn(known, { sslmode: 'verify-ca', sslrootcert: ours.ca })).toBe(true)
    expect(md5Told).toBe(before + 1)
    expect(await isLetIn(await fakeServer({ asks: 'nothing' }), { require_auth: 'none,scram-sha-256' })).toBe(
      true,
    )
  })
})

test('hactl query follows the same rules, with the variables of libpq', async () => {
  const { signal } = new AbortController()
  const query = ({ port }: FakeServer) => {
    const login = { user: 'admin', password: PASSWORD, database: 'postgres' }
    return runSql(systemClock(), { host: '127.0.0.1', port, ...login }, 'SELECT 1', null, 1500, signal)
  }
  const server = await fakeServer({ asks: 'cleartext' })
  expect(await query(server)).toMatchObject({ kind: 'error', why: expect.stringMatching(/in clear text/) })
  expect(sent(server)).toEqual([])
  vi.stubEnv('PGREQUIREAUTH', 'password')
  onTestFinished(() => void vi.unstubAllEnvs())
  expect((await query(server)).kind).not.toBe('error')
  expect(sent(server)).toEqual([`password ${PASSWORD}`])
})

describe('PostgreSQL itself', () => {
  let lab: Lab
  let node: Node
  beforeAll(async () => {
    lab = await openLab()
    const files = { cert: join(lab.directory, 'server.crt'), key: join(lab.directory, 'server.key') }
    for (const name of ['cert', 'key'] as const) {
      await copyFile(pair[name], files[name])
      await chmod(files[name], 0o600)
      if (runAs !== undefined) await chown(files[name], runAs.uid, runAs.gid)
    }
    node = await lab.primary('a', {
      parameters: { ssl: 'on', ssl_cert_file: files.cert, ssl_key_file: files.key },
      pgHba: [
        'host all admin 127.0.0.1/32 scram-sha-256',
        'hostssl all secured 127.0.0.1/32 scram-sha-256',
        'host all old 127.0.0.1/32 md5',
        'hostnossl all plain 127.0.0.1/32 scram-sha-256',
        'host all clear 127.0.0.1/32 password',
        'local all all trust',
      ],
    })
    await node.query(
      `SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD '${PASSWORD}';
       SET password_encryption = 'scram-sha-256'; CREATE ROLE plain LOGIN PASSWORD '${PASSWORD}';
       CREATE ROLE secured LOGIN PASSWORD '${PASSWORD}'; CREATE ROLE clear LOGIN PASSWORD '${PASSWORD}'`,
    )
  })
  afterAll(() => lab.close())

  const IS_TLS = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
  const ask = async (user: string, security: Record<string, string>) => {
    const at = { ...target(node.config, security), user }
    const answer = await queryOnce(at, IS_TLS, LIMIT_MS)
    return answer.ok ? (answer.rows[0]?.ssl === true ? 'tls' : 'plain') : `${answer.kind}: ${answer.why}`
  }
  it('TLS first, then without, and the other way round', async () => {
    expect(await ask('secured', {})).toBe('tls')
    expect(await ask('secured', { sslmode: 'allow' })).toBe('tls')
    expect(await ask('plain', {})).toBe('plain')
    expect(await ask('old', { sslmode: 'allow' })).toBe('plain')
    expect(await ask('secured', { sslmode: 'disable' })).toMatch(
      /^login: no pg_hba.conf entry .*no encryption/,
    )
    expect(await ask('plain', { sslmode: 'require' })).toMatch(
      /^login: no pg_hba.conf entry .*SSL encryption/,
    )
  })
  it('channel binding, a verified name, and what require_auth leaves', async () => {
    const all = {
      sslmode: 'verify-full',
      sslrootcert: ours.ca,
      channel_binding: 'require',
      require_auth: 'scram-sha-256',
    }
    expect(await ask('secured', all)).toBe('tls')
    expect(await ask('old', all)).toMatch(/^login: the server asks for authentication by md5/)
    expect(await ask('old', {})).toBe('tls')
    expect(await ask('clear', {})).toMatch(/^login: the server asks for the password in clear text/)
    expect(await ask('clear', { sslmode: 'verify-ca', sslrootcert: ours.ca })).toBe('tls')
    expect(await ask('plain', { channel_binding: 'disable', sslmode: 'disable' })).toBe('plain')
  })
})
