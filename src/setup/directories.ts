// The directories that the configuration names: what is in them, who owns them, and whether we may write there.

import { constants } from 'node:fs'
import { access, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Finding, LocalValues } from '../config/checks/contradictions.ts'
import { codeOrText, errorText } from '../model/error-text.ts'
import { isOpenToAll, whyUnsafe } from '../system/private-directory.ts'

export async function checkDirectories(values: LocalValues): Promise<readonly Finding[]> {
  const found = await Promise.all([
    values.given('postgresql.data_dir') ? dataDirectory(values.read('postgresql.data_dir')) : null,
    stateDirectory(values),
    logDirectory(values),
    passwordFile(values),
  ])
  return found.filter(finding => finding !== null)
}

/** May be missing or empty: then the first start fills it. */
async function dataDirectory(dataDir: string): Promise<Finding | null> {
  const path = 'postgresql.data_dir'
  const error = (message: string, hint: string): Finding => ({ kind: 'error', path, message, hint })
  const status = await stat(dataDir).catch(codeOrText)
  if (status === 'ENOENT') return creatable(path, dataDir)
  if (typeof status === 'string') return error(`${dataDir} cannot be looked at: ${status}`, OWNER)
  if (!status.isDirectory()) return error(`${dataDir} is not a directory`, 'Name a directory.')
  const names = await readdir(dataDir).catch(codeOrText)
  if (typeof names === 'string') return error(`${dataDir} cannot be read: ${names}`, OWNER)
  if (names.every(name => name.startsWith('.') || name === 'lost+found')) return null
  for (const needed of ['PG_VERSION', 'global', 'pg_wal'])
    if (!names.includes(needed))
      return error(
        `${dataDir} is neither empty nor a data directory of PostgreSQL: it holds ` +
          `${names.slice(0, 3).join(', ')}, but no ${needed}`,
        'Name the data directory (show data_directory), or an empty one.',
      )
  const uid = process.getuid?.() ?? 0
  if (uid !== 0 && status.uid !== uid)
    return error(`${dataDir} belongs to the user with id ${status.uid}, not to this one (${uid})`, OWNER)
  const mode = status.mode & 0o777
  if ((mode & 0o027) !== 0)
    return error(
      `${dataDir} is open to other users (mode ${mode.toString(8).padStart(4, '0')}), and PostgreSQL does not ` +
        'start on it',
      `Run: chmod 0700 ${dataDir}`,
    )
  return null
}

const OWNER = 'Run this as the user that owns the data directory, usually postgres.'

async function stateDirectory({ given, read }: LocalValues): Promise<Finding | null> {
  const path = 'hactl.state_directory'
  const set = read(path)
  if (set === null && !given('postgresql.data_dir')) return null
  const directory = set ?? `${read('postgresql.data_dir').replace(/(?<=.)\/+$/, '')}.hactl`
  const obstacle = await writable(path, directory)
  // Root may write everywhere, and what belongs to the user of the agent would look like somebody else's.
  if (obstacle !== null || process.getuid?.() === 0) return obstacle
  const why = await whyUnsafe(directory).catch(errorText)
  return why === null ? null : { kind: 'error', path, message: `the agent would not start: ${why}` }
}

async function logDirectory({ read }: LocalValues): Promise<Finding | null> {
  const dir = read('log.dir')
  if (dir === null) return null
  const obstacle = await access(dir, constants.W_OK | constants.X_OK).then(() => null, codeOrText)
  if (obstacle === null) return (await isOpenToAll(dir)) ? openLogDirectory(dir) : null
  const message =
    obstacle === 'ENOENT' ? `${dir} does not exist` : `${dir} cannot be written by this user: ${obstacle}`
  return { kind: 'error', path: 'log.dir', message, hint: 'Make it, owned by the user of the agent.' }
}

/** As the agent says at its start. */
function openLogDirectory(dir: string): Finding {
  const message = `everybody may write ${dir}, and put a link in the place of the log`
  return { kind: 'warning', path: 'log.dir', message, hint: `Run: chmod o-w ${dir}` }
}

async function passwordFile({ given, read }: LocalValues): Promise<Finding | null> {
  const file = read('postgresql.pgpass')
  return given('postgresql.pgpass') && file !== null ? writable('postgresql.pgpass', dirname(file)) : null
}

/** The directory is writable, or it can be created. */
async function writable(path: string, directory: string): Promise<Finding | null> {
  const status = await stat(directory).catch(codeOrText)
  if (status === 'ENOENT') return creatable(path, directory)
  const obstacle = await access(directory, constants.W_OK | constants.X_OK).then(() => null, codeOrText)
  if (obstacle === null && typeof status !== 'string' && status.isDirectory()) return null
  const why = obstacle ?? 'it is not a directory'
  const hint = `Give it to the user of the agent, or set ${path} to another place.`
  return { kind: 'error', path, message: `${directory} cannot be written by this user: ${why}`, hint }
}

async function creatable(path: string, directory: string): Promise<Finding | null> {
  let parent = dirname(directory)
  while (parent !== '/' && (await stat(parent).catch(codeOrText)) === 'ENOENT') parent = dirname(parent)
  const obstacle = await access(parent, constants.W_OK | constants.X_OK).then(() => null, codeOrText)
  if (obstacle === null) return null
  const message =
    `${directory} does not exist and cannot be created: ${parent} may not be written by this user ` +
    `(${obstacle})`
  return {
    kind: 'error',
    path,
    message,
    hint: `Create ${join(directory)}, owned by the user of the agent.`,
  }
}
