// The stage of a cluster test: hosts in a network of their own, a directory, and the processes started on the hosts.
// `close` removes all of it; what a killed test run left behind is removed when the next one sets its stage.

import { type ChildProcess, spawn } from 'node:child_process'
import { chown, copyFile, mkdir, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { MEMORY, memoryDirectory } from '../../memory-directory.ts'
import { createNetwork, type Host, inside, removeNetwork, sweepNetworks } from './network.ts'
import { run } from './run.ts'
import { until } from './until.ts'

export interface Stage {
  readonly hosts: readonly Host[]
  /** Owned by the user postgres; removed by `close`. */
  readonly directory: string
  /** The same, for what must not wait for a disk: etcd's data, a writer's notes. */
  readonly memory: string
  host(name: string): Host
  start(host: Host, program: Program): Promise<Running>
  close(): Promise<void>
}

export interface Program {
  /** For messages and the name of the log file. */
  readonly name: string
  readonly command: readonly string[]
  /** Runs as postgres when true, otherwise as root. */
  readonly asPostgres?: boolean
  readonly env?: Readonly<Record<string, string>>
}

/** A process on a host. Its children are its own business: kill the host to end all. */
export interface Running {
  readonly pid: number
  /** stdout and stderr. */
  readonly logFile: string
  log(): Promise<string>
  /** Waits until the log has it: a program may write its log a moment after what it tells of. */
  says(pattern: RegExp, limitMs: number): Promise<void>
  hasEnded(): boolean
  /** null: still running, or ended by a signal. */
  exitCode(): number | null
  signal(signal: NodeJS.Signals): void
  /** Sends the signal (SIGTERM when left out) and waits for the end. */
  stop(signal?: NodeJS.Signals, limitMs?: number): Promise<void>
}

const stagePrefix = 'hactl-stage-'

export async function setStage(names: readonly string[]): Promise<Stage> {
  await sweepNetworks()
  await sweepDirectories()
  const hosts = await createNetwork(names)
  const directory = await mkdtemp(`/tmp/${stagePrefix}${process.pid}-`)
  const memory = await memoryDirectory(`${stagePrefix}${process.pid}-`)
  const { uid, gid } = await postgresUser()
  await Promise.all([directory, memory].map(path => chown(path, uid, gid)))
  let starts = 0
  return {
    hosts,
    directory,
    memory,
    host(name) {
      const found = hosts.find(host => host.name === name)
      if (found === undefined) throw new Error(`no host ${name} on the stage`)
      return found
    },
    start(host, program) {
      starts += 1
      return startProgram(host, program, join(directory, `${host.name}-${program.name}-${starts}.log`))
    },
    async close() {
      await removeNetwork(hosts)
      await unmountBelow(directory)
      await keepLogs(directory, memory)
      for (const path of [directory, memory]) await rm(path, { recursive: true, force: true })
    },
  }
}

/** User and group id of postgres, which the Debian package made. */
export async function postgresUser(): Promise<{ readonly uid: number; readonly gid: number }> {
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find(text => text.startsWith('postgres:'))
  const [, , uid, gid] = line?.split(':') ?? []
  if (uid === undefined || gid === undefined)
    throw new Error('this machine has no user postgres: run bin/setup')
  return { uid: Number(uid), gid: Number(gid) }
}

/** A directory below the stage's, owned by postgres. */
export async function makeDirectory(stage: Stage, ...names: readonly string[]): Promise<string> {
  const path = join(stage.directory, ...names)
  const { uid, gid } = await postgresUser()
  await mkdir(path, { recursive: true, mode: 0o755 })
  await chown(path, uid, gid)
  return path
}

export const asPostgres = ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups', '--'] as const

async function startProgram(host: Host, program: Program, logFile: string): Promise<Running> {
  const log = await open(logFile, 'a')
  const command = inside(host, [...(program.asPostgres === true ? asPostgres : []), ...program.command])
  const [file = '', ...args] = command
  const child = spawn(file, args, {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    cwd: '/',
    env: { PATH: process.env.PATH, LANG: 'C.UTF-8', ...program.env },
  })
  await log.close()
  const { pid } = child
  if (pid === undefined) throw new Error(`${program.name} could not be started: ${command.join(' ')}`)
  return running(child, pid, program.name, logFile)
}

function running(child: ChildProcess, pid: number, name: string, logFile: string): Running {
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  const signal = (which: NodeJS.Signals) => void child.kill(which)
  const log = () => readFile(logFile, 'utf8')
  return {
    pid,
    logFile,
    log,
    async says(pattern, limitMs) {
      await until(`${name} (process ${pid}) says ${pattern}`, async () => pattern.test(await log()), limitMs)
    },
    hasEnded,
    exitCode: () => child.exitCode,
    signal,
    async stop(which = 'SIGTERM', limitMs = 20_000) {
      signal(which)
      await until(`${name} (process ${pid}) ended after ${which}`, hasEnded, limitMs)
    },
  }
}

/** For looking into a failed test: `HACTL_KEEP_LOGS=DIRECTORY` gets what the programs of each stage printed. */
async function keepLogs(directory: string, memory: string): Promise<void> {
  const target = process.env.HACTL_KEEP_LOGS
  if (target === undefined) return
  const kept = join(target, basename(directory))
  await mkdir(kept, { recursive: true })
  for (const from of [directory, memory])
    for (const name of await readdir(from))
      if (/\.(log|jsonl|yml)$/.test(name)) await copyFile(join(from, name), join(kept, name))
}

/** A directory that something is mounted in cannot be removed. */
async function unmountBelow(directory: string): Promise<void> {
  const mounts = (await readFile('/proc/mounts', 'utf8')).split('\n').map(line => line.split(' ')[1] ?? '')
  for (const path of mounts) if (path.startsWith(`${directory}/`)) await run(['umount', '--lazy', path])
}

async function sweepDirectories(): Promise<void> {
  const alive = new Set(await readdir('/proc'))
  for (const parent of ['/tmp', MEMORY])
    for (const name of await readdir(parent).catch(() => [])) {
      const owner = /^hactl-stage-(\d+)-/.exec(name)?.[1]
      if (owner === undefined || alive.has(owner)) continue
      await unmountBelow(join(parent, name))
      await rm(join(parent, name), { recursive: true, force: true })
    }
}
