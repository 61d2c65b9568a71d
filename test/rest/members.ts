// Members as the tests of questions to them need them, and how they are asked.

import type { Member } from '../../src/model/cluster/cluster.ts'
import { revision } from '../../src/model/revision.ts'
import type { CtlConfig } from '../../src/model/settings/config.ts'

/** Nothing is set. */
export const PLAIN_CTL: CtlConfig = {
  credentials: null,
  insecure: false,
  cacert: null,
  certfile: null,
  keyfile: null,
  keyfilePassword: null,
  expectsTls: false,
  verifyNames: false,
}

/** A member of which its key says hardly more than where its API is. */
export function member(name: string, apiUrl: string | null): Member {
  const record = {
    connUrl: null,
    apiUrl,
    state: 'running',
    role: 'replica',
    version: null,
    tags: {},
    extra: {},
  }
  return { name, leaseId: '1', modRevision: revision(1), record }
}
