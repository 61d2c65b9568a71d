// A server with its socket in the data directory cannot be the source of a rewind: pg_rewind would try to copy the
// socket. The warning comes while all is well, because after a failover it is too late.

import { resolve, sep } from 'node:path'
import type { Context } from '../context.ts'

export function warnOfSocketInside({ dataDir, log, state }: Context): void {
  const { parameters, useRewind } = state.effective
  const named = parameters.unix_socket_directories
  if (!useRewind || typeof named !== 'string') return
  const inside = named
    .split(',')
    .map(path => path.trim().replace(/^"(.*)"$/, '$1'))
    .find(path => path !== '' && !path.startsWith('@') && isWithin(resolve(dataDir, path), dataDir))
  if (inside === undefined) return
  log(
    'warning',
    `unix_socket_directories is ${inside}, in the data directory: no node can be rewound with pg_rewind from ` +
      'this one. HINT: Set it to another directory',
  )
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory + sep)
}
