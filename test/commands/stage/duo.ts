// What the tests of the commands stand on that act on members: one etcd for the file, and before each test the cluster duo anew.

import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { type FakeCluster, openCluster } from './members.ts'
import { openStage, type Stage } from './stage.ts'

export interface Duo {
  readonly stage: Stage
  readonly cluster: FakeCluster
}

/** To be read while a test runs. */
export function duoForEachTest(prepare: (duo: Duo) => Promise<void> | void = () => {}): Duo {
  let stage: Stage | null = null
  let cluster: FakeCluster | null = null
  const standing = <T>(what: T | null): T => {
    if (what === null) throw new Error('no test runs')
    return what
  }
  const duo: Duo = {
    get stage() {
      return standing(stage)
    },
    get cluster() {
      return standing(cluster)
    },
  }
  beforeAll(async () => {
    stage = await openStage()
  })
  afterAll(() => stage?.stop())
  beforeEach(async () => {
    cluster = await openCluster(duo.stage)
    await prepare(duo)
  })
  afterEach(() => cluster?.close())
  return duo
}
