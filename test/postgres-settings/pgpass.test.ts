// The password file: what libpq will find in it, and that nobody else can read it at any moment.

import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { formatPgpassLine, pgpassLines, writePgpass } from '../../src/postgres/settings/pgpass.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hactl-pgpass-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

test('C23: what is missing matches anything', () => {
  expect(formatPgpassLine({ password: 'p' })).toBe('*:*:*:*:p')
  expect(formatPgpassLine({ host: 'h', port: 1, user: '', password: 'p' })).toBe('h:1:*:*:p')
})

test('colons and backslashes are escaped', () => {
  expect(formatPgpassLine({ host: '::1', port: 1, user: 'a:b', password: 'x\\y:z' })).toBe(
    '\\:\\:1:1:*:a\\:b:x\\\\y\\:z',
  )
})

test('C09: a unix socket adds a line for localhost', () => {
  expect(pgpassLines({ host: '/run/pg', port: 5, user: 'u', password: 'p' })).toEqual([
    '/run/pg:5:*:u:p',
    'localhost:5:*:u:p',
  ])
})

test('one line a host, with its own port', () => {
  expect(pgpassLines({ host: 'a,b', port: '1,2', user: 'u', password: 'p' })).toEqual([
    'a:1:*:u:p',
    'b:2:*:u:p',
  ])
  expect(pgpassLines({ host: 'a,b', port: 1, password: 'p' })).toEqual(['a:1:*:*:p', 'b:1:*:*:p'])
  expect(pgpassLines({ host: 'a,b', port: '1,', password: 'p' })).toEqual(['a:1:*:*:p', 'b:*:*:*:p'])
})

test('a line break in any part is refused, and the message does not tell the password', async () => {
  const path = join(root, 'pgpass')
  await writePgpass(path, [{ password: 'old' }])
  const hostile = { host: 'h', port: 1, user: 'u', password: 'secret\nevil:1:*:*:p' }
  const error = await writePgpass(path, [hostile]).catch(caught => caught)
  expect(error).toMatchObject({ name: 'SettingsError', reason: 'refused' })
  expect(String(error)).not.toContain('secret')
  await expect(writePgpass(path, [{ host: 'a\nb', password: 'p' }])).rejects.toMatchObject({
    reason: 'refused',
  })
  expect(await readFile(path, 'utf8')).toBe('*:*:*:*:old\n')
})

test('mode 0600, also when the file was open to others', async () => {
  const path = join(root, 'pgpass')
  await writeFile(path, '*:*:*:*:p\n', { mode: 0o644 })
  expect(await writePgpass(path, [{ password: 'p' }])).toBe(true)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await writePgpass(path, [{ password: 'p' }])).toBe(false)
})

test('something else than a file is refused', async () => {
  const path = join(root, 'pgpass')
  await mkdir(path)
  await expect(writePgpass(path, [{ password: 'p' }])).rejects.toMatchObject({ reason: 'refused' })
})

test('a link to nowhere is written through', async () => {
  await symlink('elsewhere', join(root, 'pgpass'))
  await writePgpass(join(root, 'pgpass'), [{ password: 'p' }])
  expect(await readFile(join(root, 'elsewhere'), 'utf8')).toBe('*:*:*:*:p\n')
})
