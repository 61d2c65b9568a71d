// The user of the demo's servers: PostgreSQL refuses root, so a demo started by root runs them as `postgres`, or as
// `nobody` if there is no such user.

import { readFile } from 'node:fs/promises'

export interface Account {
  readonly user: string
  readonly uid: number
  readonly gid: number
}

/** null: the user who started the demo. Throws if root has no account to step down to. */
export async function serverAccount(): Promise<Account | null> {
  if (process.getuid?.() !== 0) return null
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map(line => line.split(':'))
  for (const user of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find(([name]) => name === user) ?? []
    if (uid !== undefined && gid !== undefined) return { user, uid: Number(uid), gid: Number(gid) }
  }
  throw new Error(
    'started as root, and there is neither a user postgres nor a user nobody to run PostgreSQL as',
  )
}
