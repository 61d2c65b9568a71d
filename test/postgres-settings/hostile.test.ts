// Texts from etcd come from whoever may write there: none may end its line or its quotes and become another setting,
// another access rule or another password.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { accessFile } from '../../src/postgres/settings/file-text.ts'
import { effectiveOf, LEADER, makePlace, type Place } from './place.ts'

let place: Place
beforeEach(async () => {
  place = await makePlace()
})
afterEach(() => place.remove())

const HBA = ['local all all trust']

test('a parameter name cannot carry a second line', async () => {
  const parameters = {
    "work_mem = '1MB'\narchive_command": 'rm',
    'archive_command ': 'rm',
    '#x': 'y',
    include: '/tmp/evil.conf',
    INCLUDE_DIR: '/tmp',
    'a.b.c': '1',
    "a.b'": '1',
    '': '1',
    'a.b = 1\nc': '2',
  }
  const describeConfig = async () => new Set(Object.keys(parameters))
  await place.write()
  const clean = await place.read('postgresql.conf')
  await place.write({ effective: effectiveOf({ parameters }), describeConfig })
  expect(await place.read('postgresql.conf')).toBe(clean)
  expect(place.log).toHaveLength(Object.keys(parameters).length)
})

test('a value cannot leave its quotes or its line', async () => {
  const value = "x'\narchive_command = 'rm -rf /'\r\n# \\' \\"
  await place.write({ effective: effectiveOf({ parameters: { application_name: value } }) })
  expect(await place.conf()).toContain(
    "application_name = 'x''\\narchive_command = ''rm -rf /''\\r\\n# \\\\'' \\\\'",
  )
  await place.write({ effective: effectiveOf({ parameters: { application_name: 'a\0b' } }) })
  expect(await place.read('postgresql.conf')).not.toContain('application_name')
})

test('a hostile upstream stays inside primary_conninfo, and a line break in its host is refused', async () => {
  const upstream = { ...LEADER, host: "x' password=y", slot: "s'\nrestore_command = 'evil" }
  await place.write({ role: 'standby', upstream })
  const lines = await place.conf()
  expect(lines.filter(line => line.startsWith('restore_command'))).toEqual([])
  expect(lines.find(line => line.startsWith('primary_conninfo'))).toContain(
    "host=x\\\\''\\\\ password=y port=",
  )
  const broken = { ...LEADER, host: 'h\n*:*:*:*:p' }
  await expect(place.write({ role: 'standby', upstream: broken })).rejects.toMatchObject({
    reason: 'refused',
  })
})

test.each([['a\nb'], ['a\rb'], ['a\0'], ['local all all trust \\']])(
  'a pg_hba entry that is not one line (%j) leaves the file as it is',
  async entry => {
    await place.write({ effective: effectiveOf({ pgHba: HBA }) })
    const before = await place.read('pg_hba.conf')
    const { changed } = await place.write({
      effective: effectiveOf({ pgHba: ['local all x reject', entry] }),
    })
    expect(changed).toBe(false)
    expect(await place.read('pg_hba.conf')).toBe(before)
    expect(place.log.join()).toMatch(/error: .*pg_hba\.conf is left as it is/)
  },
)

test('an entry may end in a line break (YAML block texts do); an empty list leaves the file alone', async () => {
  expect(accessFile(['a\n', 'b\r\n'])?.split('\n').slice(2)).toEqual(['a', 'b', ''])
  await place.write({ effective: effectiveOf({ pgHba: HBA }) })
  expect((await place.write({ effective: effectiveOf({ pgHba: [] }) })).changed).toBe(false)
})
