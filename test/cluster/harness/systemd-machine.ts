// A machine with systemd of its own, for tests of the unit: Debian 12 in a systemd-nspawn container, with PostgreSQL, etcd
// and a network that only it sees. Its disk is thrown away with it. What it is made from is kept in a cache: the first
// time needs Debian's packages, `mmdebstrap`, and three minutes.

import { type ChildProcess, spawn } from 'node:child_process'
import { access, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Ran, run, tryRun } from './run.ts'
import { until } from './until.ts'

const CACHE = process.env.HACTL_SYSTEMD_CACHE ?? '/var/cache/hactl-test/systemd-bookworm'
const PACKAGES =
  'systemd,systemd-sysv,dbus,procps,postgresql-15,iproute2,etcd-server,etcd-client,openssh-client,openssl'
const MAKE_LIMIT_MS = 600_000
const BOOT_LIMIT_MS = 60_000

export interface Machine {
  /** Runs a script of bash as root, and gives its standard output. Throws with what it said when it fails. */
  sh(script: string, limitMs?: number): Promise<string>
  trySh(script: string, limitMs?: number): Promise<Ran>
  powerOff(): Promise<void>
}

/** Starts one, with `tree` to be read at /opt/hactl, and waits until systemd has no more to start. */
export async function startMachine(tree: string): Promise<Machine> {
  await makeImage()
  const libraries = join(CACHE, 'nspawn/usr/lib/x86_64-linux-gnu')
  // Locked memory is not permitted inside without all capabilities.
  const options = [
    ...['-D', join(CACHE, 'root'), '-M', `hactl-${process.pid}`, '--register=no', '--keep-unit'],
    ...['--volatile=overlay', '--private-network', '--capability=all', '--console=read-only'],
    `--bind-ro=${tree}:/opt/hactl`,
  ]
  const nspawn = spawn(join(CACHE, 'nspawn/usr/bin/systemd-nspawn'), [...options, '/lib/systemd/systemd'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LD_LIBRARY_PATH: `${libraries}/systemd:${libraries}` },
  })
  const said: string[] = []
  for (const stream of [nspawn.stdout, nspawn.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => said.push(text))
  const ended = new Promise<void>(resolve => nspawn.once('exit', () => resolve()))
  try {
    const init = await until('systemd runs', () => childOf(nspawn, said), BOOT_LIMIT_MS)
    const machine = machineOf(init, nspawn, ended)
    await until('booted', async () => (await machine.sh('systemctl is-system-running')) !== '', BOOT_LIMIT_MS)
    return machine
  } catch (error) {
    nspawn.kill('SIGKILL')
    throw error
  }
}

function machineOf(init: string, nspawn: ChildProcess, ended: Promise<void>): Machine {
  const inside = ['nsenter', '-t', init, '-m', '-u', '-i', '-n', '-p', '-C', '-r', '-w', '--']
  const bash = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'bash', '-euo', 'pipefail', '-c']
  return {
    sh: (script, limitMs) => run([...inside, ...bash, script], limitMs === undefined ? {} : { limitMs }),
    trySh: (script, limitMs) =>
      tryRun([...inside, ...bash, script], limitMs === undefined ? {} : { limitMs }),
    async powerOff() {
      const tooLong = setTimeout(() => nspawn.kill('SIGKILL'), 30_000)
      await tryRun([...inside, 'systemctl', 'poweroff', '--force'])
      await ended
      clearTimeout(tooLong)
    },
  }
}

async function childOf({ pid, exitCode }: ChildProcess, said: readonly string[]): Promise<string | null> {
  if (exitCode !== null) throw new Error(`systemd-nspawn has ended: ${said.join('').slice(-500)}`)
  const { stdout } = await tryRun(['pgrep', '-P', String(pid), '-f', '^/lib/systemd/systemd$'])
  return stdout.trim() || null
}

/** Both parts are made beside their place and moved there, so that a killed run leaves nothing half made. */
async function makeImage(): Promise<void> {
  const made = await access(join(CACHE, 'root')).then(
    () => true,
    () => false,
  )
  if (made) return
  const draft = `${CACHE}.${process.pid}`
  await mkdir(join(draft, 'debs'), { recursive: true })
  try {
    const exclude = ['doc', 'man', 'locale'].map(name => `--dpkgopt=path-exclude=/usr/share/${name}/*`)
    await run(
      [
        ...[
          'mmdebstrap',
          '--variant=minbase',
          `--include=${PACKAGES}`,
          ...exclude,
          'bookworm',
          join(draft, 'root'),
        ],
        'deb http://deb.debian.org/debian bookworm main',
        'deb http://deb.debian.org/debian bookworm-updates main',
        'deb http://deb.debian.org/debian-security bookworm-security main',
      ],
      { limitMs: MAKE_LIMIT_MS },
    )
    // Unpacked and not installed: it would bring another systemd to this machine.
    const debs = join(draft, 'debs')
    await run(['apt-get', 'download', 'systemd-container', 'libsystemd-shared'], {
      cwd: debs,
      limitMs: 60_000,
    })
    for (const name of await readdir(debs))
      await run(['dpkg', '-x', join(debs, name), join(draft, 'nspawn')], { limitMs: 60_000 })
    await mkdir(join(CACHE, '..'), { recursive: true })
    await rename(draft, CACHE)
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}
