// What each command answers to a program: done, refused, and so already. How the cluster duo (members.ts) is made ready for it,
// and which line is typed; json-answers.test.ts runs them and writes the answers down.

import type { COMMANDS } from '../../../src/commands.ts'
import type { FakeCluster } from './members.ts'
import {
  copies,
  copiesFrom,
  handsOver,
  publishPause,
  restarts,
  setMore,
  storesPause,
} from './operated-members.ts'
import type { Stage } from './stage.ts'

export const ANSWERS = ['done', 'refused', 'already so'] as const
export type Answer = (typeof ANSWERS)[number]

type Prepare = (stage: Stage, cluster: FakeCluster) => Promise<void>

export interface JsonCase {
  readonly command: keyof typeof COMMANDS
  readonly line: string
  readonly code: number
  readonly prepare: Prepare
}

const asItIs: Prepare = async () => {}
const on = (command: JsonCase['command'], line: string, code: number, prepare = asItIs): JsonCase => ({
  ...{ command, line, code, prepare },
})

const HACTL = { version: '1.0.0' }
const DRAINED = { by: 'kim@db9', at: '2026-11-29T23:00:00Z', reason: 'kernel update' }
const LATER = '2090-01-01T01:00:00+00:00'

const all =
  (what: (stage: Stage, cluster: FakeCluster, name: string) => unknown): Prepare =>
  async (stage, cluster) => {
    for (const { name } of cluster.members) await what(stage, cluster, name)
  }
const allRestart = all((_, cluster, name) => restarts(cluster.member(name)))
const allCatchUp = all((_, cluster, name) => {
  cluster.member(name).now = { ...cluster.member(name).now, location: 50_000_000 }
})
const allStore = all((stage, cluster, name) => storesPause(stage, cluster, cluster.member(name)))
const isPaused: Prepare = async (stage, cluster) => {
  await stage.put('duo/config', { ttl: 30, loop_wait: 10, pause: true })
  await publishPause(stage, cluster, true)
}
const answers =
  (name: string, asked: string, status: number, text: string): Prepare =>
  async (_, cluster) => {
    cluster.member(name).onLine = async line => (line === asked ? [status, text] : null)
  }
const says =
  (name: string, more: object): Prepare =>
  (stage, cluster) =>
    setMore(stage, cluster.member(name), more)
const leaderHandsOver: Prepare = async (stage, cluster) => handsOver(stage, cluster, 'pg0', 'pg1')
const copyRuns =
  (source: string): Prepare =>
  (stage, cluster) =>
    copiesFrom(stage, cluster.member('pg2'), source)
const isNoted =
  (name: string): Prepare =>
  stage =>
    stage.put(`duo/hactl/drain/${name}`, DRAINED)
const knowsParameters = answers(
  'pg0',
  'GET /parameters?names=max_connections',
  200,
  JSON.stringify({
    parameters: [
      {
        ...{ name: 'max_connections', context: 'postmaster', vartype: 'integer', unit: null },
        ...{ min_val: '1', max_val: '262143', enumvals: null, setting: '100' },
      },
    ],
    unknown: [],
  }),
)
const leaderless: Prepare = async (stage, cluster) => {
  await stage.delete('duo/leader')
  await cluster.member('pg0').close()
  await stage.delete('duo/members/pg0')
}
const isScheduled: Prepare = stage =>
  stage.put('duo/failover', { leader: 'pg0', member: 'pg1', scheduled_at: LATER })
const isDead =
  (...names: readonly string[]): Prepare =>
  async (_, cluster) => {
    for (const name of names) await cluster.member(name).close()
  }
const both =
  (...steps: readonly Prepare[]): Prepare =>
  async (stage, cluster) => {
    for (const step of steps) await step(stage, cluster)
  }

const DONE: readonly JsonCase[] = [
  on('drain', 'drain duo pg1 --reason kernel', 0, says('pg1', { hactl: { ...HACTL, drained: true } })),
  on(
    'drain',
    'drain duo pg0',
    0,
    both(says('pg0', { hactl: { ...HACTL, drained: true } }), leaderHandsOver, async (_, cluster) => {
      cluster.member('pg0').now = { ...cluster.member('pg0').now, sendsTo: ['pg1'] }
    }),
  ),
  on('dsn', 'dsn duo --role replica', 0),
  on('edit-config', 'edit-config duo --set ttl=40 --pg max_connections=200 --force', 0, knowsParameters),
  on('failover', 'failover duo --candidate pg1 --force', 0, leaderHandsOver),
  on(
    'flush',
    'flush duo restart --force',
    0,
    both(
      says('pg1', { scheduled_restart: { schedule: LATER } }),
      answers('pg1', 'DELETE /restart', 200, 'scheduled restart deleted'),
    ),
  ),
  on(
    'flush',
    'flush duo switchover',
    0,
    both(isScheduled, answers('pg0', 'DELETE /switchover', 200, 'scheduled switchover deleted')),
  ),
  on('pause', 'pause duo', 0, allStore),
  on('reinit', 'reinit duo pg1 --force', 0, async (_, cluster) => copies(cluster.member('pg1'), 'streams')),
  on(
    'reload',
    'reload duo --force',
    0,
    all(async (stage, cluster, name) => {
      await answers(name, 'POST /reload', 202, 'reload scheduled')(stage, cluster)
    }),
  ),
  on('remove', 'remove duo --confirm duo', 0, isDead('pg0', 'pg1', 'pg2')),
  on('restart', 'restart duo --force', 0, allRestart),
  on(
    'restart',
    `restart duo pg1 --scheduled ${LATER} --force`,
    0,
    answers('pg1', 'POST /restart', 202, 'Restart scheduled'),
  ),
  on('resume', 'resume duo', 0, both(allStore, isPaused)),
  on('rolling:restart', 'rolling restart duo --force', 0, both(allRestart, allCatchUp, leaderHandsOver)),
  on('show-config', 'show-config duo', 0),
  on('switchover', 'switchover duo --force', 0, leaderHandsOver),
  on('switchover', `switchover duo --scheduled ${LATER} --force`, 0, async (_, cluster) => {
    cluster.member('pg0').onRequest = async () => [202, 'Switchover scheduled']
  }),
  on('topology', 'topology duo', 0),
  on('undrain', 'undrain duo pg1', 0, isNoted('pg1')),
  on('version', 'version duo', 0),
]

const REFUSED: readonly JsonCase[] = [
  on('drain', 'drain duo pg2', 3, says('pg2', { hactl: undefined })),
  on('edit-config', 'edit-config duo --set ttl=abc --force', 3),
  on('failover', 'failover duo --candidate pg2 --force', 10, leaderless),
  on(
    'flush',
    'flush duo pg1 restart --force',
    3,
    both(
      says('pg1', { scheduled_restart: { schedule: LATER } }),
      answers('pg1', 'DELETE /restart', 403, 'Access is denied'),
    ),
  ),
  on('pause', 'pause duo', 4, stage => stage.delete('duo/config')),
  on('reinit', 'reinit duo pg0 --force', 3),
  on('reinit', 'reinit duo pg1 --force', 3, copyRuns('pg1')),
  on('reload', 'reload duo pg0 --role replica --force', 3),
  on(
    'reload',
    'reload duo --force',
    3,
    all(async (stage, cluster, name) => {
      await answers(name, 'POST /reload', 401, 'no auth header received')(stage, cluster)
    }),
  ),
  on('remove', 'remove duo --confirm duo', 3),
  on('restart', 'restart duo pg1 --force', 3, copyRuns('pg1')),
  on(
    'restart',
    'restart duo pg1 --force',
    5,
    answers('pg1', 'POST /restart', 503, 'reinitialize already in progress'),
  ),
  on('restart', `restart duo pg1 --scheduled ${LATER} --force`, 3, isPaused),
  on('resume', 'resume duo', 4, stage => stage.delete('duo/config')),
  on('rolling:restart', 'rolling restart duo --force', 3, isPaused),
  on('switchover', 'switchover duo --candidate pg2 --force', 3),
  on('switchover', 'switchover duo --force', 3, copyRuns('pg0')),
]

const ALREADY: readonly JsonCase[] = [
  on('drain', 'drain duo pg1', 0, both(isNoted('pg1'), says('pg1', { hactl: { ...HACTL, drained: true } }))),
  on('edit-config', 'edit-config duo --set ttl=30 --force', 0),
  on('failover', 'failover duo --candidate pg0 --force', 0),
  on('flush', 'flush duo restart --force', 0),
  on('flush', 'flush duo switchover', 0),
  on('pause', 'pause duo', 0, isPaused),
  on('reload', 'reload duo pg1 --force', 0, answers('pg1', 'POST /reload', 200, 'nothing changed')),
  on('restart', 'restart duo --pending --force', 0, allRestart),
  on('resume', 'resume duo', 0),
  on('rolling:restart', 'rolling restart duo --pending --force', 0, allRestart),
  on('switchover', 'switchover duo --candidate pg0 --force', 0),
  on('undrain', 'undrain duo pg1', 0),
]

export const JSON_CASES: Readonly<Record<Answer, readonly JsonCase[]>> = {
  done: DONE,
  refused: REFUSED,
  'already so': ALREADY,
}
