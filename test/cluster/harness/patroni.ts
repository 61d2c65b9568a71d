// Patroni from Debian's newest suite, as the peer of mixed clusters and benchmarks. Nothing is installed: its package and
// the Python packages it needs are unpacked into a cache directory, and the machine's apt state is not touched.

import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { superuserPassword } from './member.ts'
import { type Host, inside } from './network.ts'
import { type Ran, run, tryRun } from './run.ts'
import type { Running, Stage } from './stage.ts'

export interface Patroni {
  /** For example `4.1.5`. */
  readonly version: string
  readonly pythonPath: string
  /** Path of the patronictl program. */
  readonly ctl: string
}

const cache = '/var/cache/hactl-test/patroni'
const pythonPackages = [
  'click',
  'dateutil',
  'dnspython',
  'etcd',
  'prettytable',
  'psutil',
  'psycopg2',
  'six',
  'urllib3',
]
  .concat(['wcwidth', 'yaml'])
  .map(name => `python3-${name}`)

/** Downloads it when the cache is empty (a minute), otherwise answers at once. Safe to call from two processes. */
export async function fetchPatroni(): Promise<Patroni> {
  const found = await inCache()
  if (found !== null) return compiled(found)
  await mkdir(join(cache, '..'), { recursive: true })
  const directory = await mkdtemp(`${cache}.new-`)
  try {
    await download(directory)
    // What an older version of this file has left there.
    if ((await inCache()) === null) await rm(cache, { recursive: true, force: true })
    await rename(directory, cache).catch(async error => {
      // Somebody else was faster.
      if ((await inCache()) === null) throw error
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  const fetched = await inCache()
  if (fetched === null) throw new Error(`Patroni was downloaded, but is not in ${cache}`)
  return compiled(fetched)
}

/** Half of the time that a command takes is the compilation of what it imports, and it is not to write into the cache itself. */
async function compiled(patroni: Patroni): Promise<Patroni> {
  const { pythonPath } = patroni
  const isThere = await access(join(pythonPath, 'patroni', '__pycache__')).then(
    () => true,
    () => false,
  )
  // A package that has files for another Python, too, is an error to this one.
  if (!isThere) await tryRun(['/usr/bin/python3', '-m', 'compileall', '-q', pythonPath], { limitMs: 120_000 })
  return patroni
}

/** Runs `patroni FILE` on the host as postgres. The file is the same as hactl's (member.ts). */
export function startPatroni(stage: Stage, host: Host, patroni: Patroni, file: string): Promise<Running> {
  return stage.start(host, {
    name: 'patroni',
    asPostgres: true,
    command: ['/usr/bin/python3', '-m', 'patroni', file],
    env: patroniEnvironment(patroni),
  })
}

/** Runs patronictl on a host; for example `patronictl(host, patroni, file, ['list', '-f', 'json'])`. */
export function patronictl(
  host: Host,
  patroni: Patroni,
  file: string,
  args: readonly string[],
  limitMs = 60_000,
): Promise<Ran> {
  const command = inside(host, ['/usr/bin/python3', patroni.ctl, '-c', file, ...args])
  return tryRun(command, { limitMs, env: { ...patroniEnvironment(patroni), PGPASSWORD: superuserPassword } })
}

/** patronictl asks for a member in the order of a set, which is another one with each run, and with this that of the names. */
export const inOrder = { PYTHONHASHSEED: '3' } as const

export function patroniEnvironment({ pythonPath }: Patroni): Readonly<Record<string, string>> {
  return { PYTHONPATH: pythonPath, PYTHONDONTWRITEBYTECODE: '1' }
}

async function inCache(): Promise<Patroni | null> {
  const pythonPath = join(cache, 'usr/lib/python3/dist-packages')
  try {
    // Without python3-etcd, which an older version of this file left out, Patroni finds no etcd at all.
    await access(join(pythonPath, 'etcd'))
    const text = await readFile(join(pythonPath, 'patroni/version.py'), 'utf8')
    const version = /__version__.*'([\d.]+)'/.exec(text)?.[1]
    return version === undefined ? null : { version, pythonPath, ctl: join(cache, 'usr/bin/patronictl') }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** A private set of package lists beside the machine's own, from the machine's own mirror (stack: other suites). */
async function download(directory: string): Promise<void> {
  const apt = join(directory, 'apt')
  for (const name of ['lists/partial', 'cache/archives/partial', 'packages']) {
    await mkdir(join(apt, name), { recursive: true })
  }
  const mirror = await debianMirror()
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
  const sources = ['bookworm', 'sid'].map(suite => `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`)
  await writeFile(join(apt, 'sources.list'), sources.join(''))
  const options = [
    `Dir::Etc::SourceList=${apt}/sources.list`,
    'Dir::Etc::SourceParts=/dev/null',
    `Dir::State::Lists=${apt}/lists`,
    `Dir::Cache=${apt}/cache`,
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
  ].flatMap(option => ['-o', option])
  const limitMs = 300_000
  await run(['apt-get', ...options, '-q', 'update'], { limitMs })
  const wanted = ['patroni/sid', 'python3-ydiff/sid', ...pythonPackages.map(name => `${name}/bookworm`)]
  await run(['apt-get', ...options, '-q', 'download', ...wanted], { limitMs, cwd: join(apt, 'packages') })
  for (const file of await readdir(join(apt, 'packages'))) {
    await run(['dpkg', '-x', join(apt, 'packages', file), directory])
  }
  await rm(apt, { recursive: true })
  // mkdtemp makes it private; PostgreSQL's user must read it.
  await run(['chmod', '-R', 'a+rX', directory])
}

/** The main archive among the machine's apt sources, in either of their two notations. */
async function debianMirror(): Promise<string> {
  const folder = '/etc/apt/sources.list.d'
  const files = ['/etc/apt/sources.list', ...(await readdir(folder)).map(name => join(folder, name))]
  const texts = await Promise.all(files.map(file => readFile(file, 'utf8').catch(() => '')))
  const found = /^(?:URIs:|deb(?: \[.*?\])?) *(\S+\/debian)\/?(?:\s|$)/m.exec(texts.join('\n'))?.[1]
  if (found === undefined) throw new Error('no Debian archive in /etc/apt/sources.list.d')
  return found
}
