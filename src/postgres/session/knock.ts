// Does the server answer a new connection? The cheapest question that only a living postmaster can answer, because it has to
// fork a process for it: "do you speak TLS?", answered before any login with one byte. On a unix socket the answer is
// always no, and the server's log says nothing about it. Without such a socket it is a login, which TLS would not spoil.

import { connect } from 'node:net'
import { join } from 'node:path'
import { errorCode } from '../../model/error-text.ts'
import type { Knock } from '../../model/server/vitals.ts'
import type { Millis } from '../../model/units.ts'
import type { Context } from '../context.ts'
import { readPidFile } from '../server/postmaster.ts'
import { queryOnce } from './connection.ts'

/** Its length, and the code of an SSLRequest in PostgreSQL's protocol. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])

type Answer = 'answered' | 'silent' | 'no-socket'

/** True for any answer within `limitMs`, and if nothing listens at all: such a server does not hang. */
export async function knock(context: Context, how: Knock, limitMs: Millis): Promise<boolean> {
  if (how === 'login') return await logIn(context, limitMs)
  const file = await readPidFile(context.dataDir)
  const { socketDirectory, port } = file ?? { socketDirectory: null, port: null }
  const answer =
    socketDirectory === null || port === null
      ? 'no-socket'
      : await ask(join(socketDirectory, `.s.PGSQL.${port}`), limitMs)
  return answer === 'no-socket' ? await logIn(context, limitMs) : answer === 'answered'
}

function ask(path: string, limitMs: Millis): Promise<Answer> {
  return new Promise(resolve => {
    const socket = connect({ path })
    const end = (answer: Answer): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answer)
    }
    const timer = setTimeout(() => end('silent'), limitMs)
    socket.once('connect', () => socket.write(SSL_REQUEST))
    // A closed connection is an answer too: only a living server closes it.
    socket.once('data', () => end('answered')).once('end', () => end('answered'))
    socket.once('error', error => {
      const code = errorCode(error)
      // The queue of connections is full, because nobody takes one.
      if (code === 'EAGAIN') end('silent')
      else end(code === 'ENOENT' || code === 'EACCES' ? 'no-socket' : 'answered')
    })
  })
}

async function logIn({ access }: Context, limitMs: Millis): Promise<boolean> {
  const target = await access.local('hactl login')
  const answer = await queryOnce(target, 'SELECT 1', limitMs)
  return answer.ok || answer.kind !== 'timeout'
}
