// The systemd unit: the lines that PostgreSQL and the fencer live by, and the restrictions, each with its reason. That all of it works is shown
// under a real systemd by test/cluster/systemd-unit.test.ts.

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const path = join(import.meta.dirname, '..', '..', 'contrib', 'systemd', 'hactl.service')
const unit = await readFile(path, 'utf8')
const run = promisify(execFile)

/** Debian 12's systemd-analyze judges a unit without a running systemd; null: not here. */
const version = await run('systemd-analyze', ['--version']).then(
  ({ stdout }) => Number(/^systemd (\d+)/.exec(stdout)?.[1]),
  () => null,
)
const ifAnalyzed = test.skipIf(version === null || version < 252)

test('the unit keeps PostgreSQL and the fencer out of the way of systemd', () => {
  for (const line of [
    'Type=notify',
    'NotifyAccess=all',
    'KillMode=process',
    'User=postgres',
    'Restart=always',
  ])
    expect(unit.split('\n')).toContain(line)
  expect(unit).toMatch(/^ExecStart=\S+\/bin\/hactl agent \S+\.yml$/m)
})

/** What `systemd-analyze security` misses, and the word by which the unit says why. */
const NOT_SET: Readonly<Record<string, string>> = {
  'SystemCallFilter=~@resources': 'SystemCallFilter=~@resources:',
  'SystemCallFilter=~@privileged': '@chown gives',
  'RemoveIPC=': 'RemoveIPC',
  'PrivateDevices=': 'PrivateDevices:',
  'MemoryDenyWriteExecute=': 'MemoryDenyWriteExecute:',
  'RestrictAddressFamilies=~AF_NETLINK': 'Netlink is',
  'RestrictRealtime=': 'RestrictRealtime:',
  'ProtectSystem=': '`strict` would',
  'ProcSubset=': 'ProcSubset=pid:',
  'PrivateUsers=': 'PrivateUsers:',
  'PrivateTmp=': 'PrivateTmp:',
  'DeviceAllow=': 'and the watchdog',
  'IPAddressDeny=': 'IPAddressDeny:',
  'NotifyAccess=': 'READY, STOPPING and WATCHDOG are sent by the fencer',
  'UMask=': 'for their owner and group only',
}
/** A database server talks to the network and to local programs, and works on the machine's own files. */
const NEEDS_NO_REASON = [
  'RestrictAddressFamilies=~AF_(INET|INET6)',
  'RestrictAddressFamilies=~AF_UNIX',
  'PrivateNetwork=',
  'PrivateMounts=',
  'RootDirectory=/RootImage=',
]

ifAnalyzed('is restricted as far as can be, and says why where it is not', async () => {
  const args = ['security', '--offline=true', '--no-pager', '--json=short', '--threshold=24', path]
  const judged: readonly { name: string; set: boolean; exposure: string | null }[] = JSON.parse(
    (await run('systemd-analyze', args)).stdout,
  )
  const missing = judged
    .filter(({ exposure }) => exposure !== null && exposure !== '0.0')
    .map(({ name }) => name)
  expect(missing.sort()).toEqual([...Object.keys(NOT_SET), ...NEEDS_NO_REASON].sort())
  for (const word of Object.values(NOT_SET)) expect(unit.replaceAll(/\n# +/g, ' ')).toContain(word)
})

ifAnalyzed('has no word that systemd does not know', async () => {
  const said = await run('systemd-analyze', ['verify', '--man=no', path]).then(
    ({ stderr }) => stderr,
    (error: { stderr: string }) => error.stderr,
  )
  // The program is where an operator puts it.
  expect(
    said.split('\n').filter(line => line.includes('hactl.service') && !line.includes('is not executable')),
  ).toEqual([])
})

test('every restriction has its reason above it', () => {
  const [, restrictions = ''] = unit.split('# ---- What agent')
  const lines = restrictions.split('\n')
  const bare = lines.filter((line, at) => {
    const before = lines.slice(0, at).findLast(other => other === '' || other.startsWith('#'))
    return /^\w+=/.test(line) && !line.startsWith('WantedBy') && !before?.startsWith('#')
  })
  expect(bare).toEqual([])
  expect(lines.filter(line => /^\w+=/.test(line)).length).toBeGreaterThan(20)
})
