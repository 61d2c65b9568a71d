// A certificate authority for a test, made by openssl in a directory of its own.

import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Authority {
  readonly folder: string
  readonly ca: string
  /** Makes `<name>.crt` and `<name>.key` for 127.0.0.1 (or for `host` only); the same name again replaces them. */
  issue(name: string, host?: string): Promise<{ readonly cert: string; readonly key: string }>
  remove(): Promise<void>
}

export async function createAuthority(): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), 'hactl-rest-ca-'))
  const at = (file: string) => join(folder, file)
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder, timeout: 20_000 })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  await openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-days',
    '2',
    '-subj',
    '/CN=test ca',
  )
  return {
    folder,
    ca: at('ca.crt'),
    async issue(name, host) {
      const alternative = host === undefined ? 'IP:127.0.0.1' : `DNS:${host}`
      await writeFile(at(`${name}.ext`), `subjectAltName=${alternative}\n`)
      await openssl(
        'req',
        ...newKey,
        '-keyout',
        `${name}.key.new`,
        '-out',
        `${name}.csr`,
        '-subj',
        `/CN=${name}`,
      )
      const sign = [
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        'ca.crt',
        '-CAkey',
        'ca.key',
        '-CAcreateserial',
      ]
      await openssl(...sign, '-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.crt.new`)
      await run('mv', [at(`${name}.key.new`), at(`${name}.key`)])
      await run('mv', [at(`${name}.crt.new`), at(`${name}.crt`)])
      return { cert: at(`${name}.crt`), key: at(`${name}.key`) }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
