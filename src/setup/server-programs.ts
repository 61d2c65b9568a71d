// The programs of PostgreSQL: present, executable, of a version that hactl knows, and of the version of the data.

import { constants } from 'node:fs'
import { access, readFile, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import type { Finding, LocalValues } from '../config/checks/contradictions.ts'
import { PROGRAMS, type Program } from '../config/schema/postgresql-section.ts'
import { runProgram } from '../system/child-process.ts'

const OLDEST = 12
const LIMIT_MS = 5000
/** pg_rewind only where it is used. */
const NEEDED: readonly Program[] = PROGRAMS.filter(name => name !== 'pg_rewind')

export async function checkPrograms(values: LocalValues): Promise<readonly Finding[]> {
  const binDir = values.read('postgresql.bin_dir')
  const obstacle = binDir === '' ? null : await directoryObstacle(binDir)
  if (obstacle !== null) return [finding('postgresql.bin_dir', obstacle)]
  const wanted = values.read('postgresql.use_pg_rewind') ? [...NEEDED, 'pg_rewind' as const] : NEEDED
  const found = await Promise.all(
    wanted.map(async program => ({ program, file: await findProgram(values, program) })),
  )
  const names = found
    .filter(({ file }) => file === null)
    .map(({ program }) => values.read(`postgresql.bin_name.${program}`) ?? program)
  const where = binDir === '' ? 'PATH was searched' : binDir
  const missing =
    names.length === 0 ? [] : [finding('postgresql.bin_dir', `does not have ${names.join(', ')}: ${where}`)]
  const postgres = found.find(({ program }) => program === 'postgres')?.file ?? null
  return postgres === null ? missing : [...missing, ...(await checkVersion(values, postgres))]
}

function finding(path: string, message: string): Finding {
  return { kind: 'error', path, message, hint: 'On Debian: /usr/lib/postgresql/<version>/bin.' }
}

async function directoryObstacle(binDir: string): Promise<string | null> {
  const status = await stat(binDir).catch(() => null)
  if (status === null) return `${binDir} does not exist`
  return status.isDirectory() ? null : `${binDir} is not a directory`
}

async function findProgram({ read }: LocalValues, program: Program): Promise<string | null> {
  const name = read(`postgresql.bin_name.${program}`) ?? program
  const binDir = read('postgresql.bin_dir')
  const places = binDir === '' ? (process.env.PATH ?? '').split(':') : [binDir]
  const files = isAbsolute(name) ? [name] : places.map(place => join(place, name))
  for (const file of files)
    if (
      await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return file
  return null
}

async function checkVersion(values: LocalValues, postgres: string): Promise<readonly Finding[]> {
  const ran = await runProgram({
    file: postgres,
    args: ['--version'],
    env: { LC_ALL: 'C' },
    timeoutMs: LIMIT_MS,
  })
  const major = Number(/PostgreSQL\) (\d+)/.exec(ran.stdout)?.[1])
  if (Number.isNaN(major))
    return [finding('postgresql.bin_dir', `${postgres} --version does not say a version of PostgreSQL`)]
  if (major < OLDEST)
    return [finding('postgresql.bin_dir', `has PostgreSQL ${major}: hactl works with ${OLDEST} and later`)]
  if (!values.given('postgresql.data_dir')) return []
  const dataDir = values.read('postgresql.data_dir')
  const made = (await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch(() => '')).trim()
  if (made === '' || made === String(major)) return []
  const message = `${dataDir} was made by PostgreSQL ${made}, but ${postgres} is ${major}`
  const hint = 'Set postgresql.bin_dir to the programs of that version.'
  return [{ kind: 'error', path: 'postgresql.data_dir', message, hint }]
}
