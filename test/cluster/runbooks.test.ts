// Each runbook of docs/runbooks on a living cluster, with an application that writes. What a script leaves to a command of
// the operator's, e.g. a reboot over ssh, is done here: the command says which member it is called for and waits.

import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, type Node, postmasterOf, startCluster } from './harness/cluster.ts'
import { beginIncident } from './harness/incident.ts'
import { hactl, launcher, rewriteSections, startAgent, superuserPassword } from './harness/member.ts'
import { inside, processesOn } from './harness/network.ts'
import { type Ran, tryRun } from './harness/run.ts'
import { query } from './harness/servers.ts'
import { until } from './harness/until.ts'

const RUNBOOKS = join(import.meta.dirname, '..', '..', 'docs', 'runbooks')

/** Touches `asked-…` and waits for `done-…`: a minute is enough for what is done here. */
const COMMAND = `#!/bin/sh
touch "$STAGE/asked-$*"
i=0
until [ -e "$STAGE/done-$*" ]; do
  i=$((i + 1))
  [ $i -lt 1200 ] || exit 1
  sleep 0.05
done
`

const NEW_PASSWORD = 'rotated-secret'

let cluster: Cluster
let place: string

beforeAll(async () => {
  cluster = await startCluster({ ttl: 8, loop_wait: 2, retry_timeout: 2 }, {}, { etcd: 'together' })
  place = cluster.stage.directory
  await writeFile(join(place, 'command'), COMMAND)
  await chmod(join(place, 'command'), 0o755)
})

afterAll(() => cluster.stage.close())

/** Runs a script; `act` is what the operator's command does for each thing that it is called with. */
async function runbook(
  name: string,
  args: readonly string[],
  act: (calledWith: string) => Promise<unknown> = async () => {},
): Promise<Ran & { readonly asked: readonly string[] }> {
  const env = {
    PATH: `${join(launcher, '..')}:${process.env.PATH}`,
    PATRONICTL_CONFIG_FILE: cluster.node('pg1').file,
    STAGE: place,
    PGUSER: 'postgres',
    PGPASSWORD: superuserPassword,
  }
  const asked: string[] = []
  let over = false
  const script = tryRun(inside(cluster.client, [join(RUNBOOKS, name), 'test', ...args]), {
    env,
    limitMs: 280_000,
  }).finally(() => {
    over = true
  })
  while (!over) {
    const next = (await readdir(place)).find(file => file.startsWith('asked-'))
    if (next === undefined) {
      await new Promise(resolve => setTimeout(resolve, 50))
      continue
    }
    const calledWith = next.slice('asked-'.length)
    await rm(join(place, next))
    asked.push(calledWith)
    await act(calledWith)
    await writeFile(join(place, `done-${calledWith}`), '')
  }
  for (const file of await readdir(place)) if (file.startsWith('done-')) await rm(join(place, file))
  return { ...(await script), asked }
}

function expectDone(ran: Ran): void {
  expect(ran.code, `${ran.stdout}\n${ran.stderr}`).toBe(0)
}

async function setReplicationPassword(file: string): Promise<void> {
  const { postgresql } = JSON.parse(await readFile(file, 'utf8'))
  postgresql.authentication.replication.password = NEW_PASSWORD
  await rewriteSections(file, { postgresql })
}

async function endServer(node: Node): Promise<void> {
  const postmaster = await postmasterOf(cluster.stage, node)
  process.kill(postmaster, 'SIGQUIT')
  await until('it has ended', async () => !(await processesOn(node.host)).includes(postmaster), 20_000)
}

const command = () => join(place, 'command')

test('maintain-every-node.sh: each agent is stopped and started, the leader last, and nothing is lost', async () => {
  const incident = await beginIncident(cluster, 'maintenance of every node in turn')
  incident.strike()
  const ran = await runbook('maintain-every-node.sh', [command()], async member => {
    await cluster.node(member).agent.stop('SIGTERM', 40_000)
    await cluster.restart(member)
  })
  expectDone(ran)
  expect(ran.asked).toHaveLength(3)
  expect(ran.asked.at(-1)).toBe(incident.leader.host.name)
  expect((await incident.end()).lost).toBe(0)
})

test('postgresql-minor-upgrade.sh: every server is another process afterwards, and nothing is lost', async () => {
  const incident = await beginIncident(cluster, 'rolling restart after an installation')
  const postmasters = () => Promise.all(cluster.nodes().map(node => postmasterOf(cluster.stage, node)))
  const before = await postmasters()
  incident.strike()
  const ran = await runbook('postgresql-minor-upgrade.sh', [command()])
  expectDone(ran)
  expect([...ran.asked].sort()).toEqual(['pg1', 'pg2', 'pg3'])
  expect((await incident.end()).lost).toBe(0)
  const after = await postmasters()
  expect(after.filter(pid => before.includes(pid))).toEqual([])
})

test('rotate-passwords.sh: the old password is refused, every member is well with the new one', async () => {
  const files = cluster.nodes().map(({ file }) => file)
  const sql = join(place, 'passwords.sql')
  await writeFile(sql, `ALTER ROLE replicator PASSWORD '${NEW_PASSWORD}';`, { mode: 0o600 })
  const ran = await runbook('rotate-passwords.sh', [sql, command()], async member => {
    await setReplicationPassword(files.find(path => path.endsWith(`${member}.yml`)) ?? '')
  })
  expectDone(ran)
  // A new session is what shows it: the leader's move makes every receiver log in anew.
  const moved = await hactl(cluster.client, cluster.node('pg1').file, ['switchover', '--force'])
  expect(moved, moved.stderr).toMatchObject({ code: 0 })
  await cluster.healthy(60_000)
})

test('leave-pause.sh: refuses while nobody writes, resumes and proves it when somebody does', async () => {
  const { file } = cluster.node('pg1')
  const leader = await cluster.primary(20_000)
  const [standby] = cluster.others(leader)
  if (standby === undefined) throw new Error('no standby')
  expect(await hactl(cluster.client, file, ['pause'])).toMatchObject({ code: 0 })
  await endServer(standby)
  const down = async () => (await hactl(cluster.client, file, ['check'])).code === 7
  await until('the standby is down and stays so', down, 30_000, 500)
  const ran = await runbook('leave-pause.sh', [])
  expectDone(ran)
  expect(await query(cluster.client, standby.host, 'select pg_is_in_recovery()')).toBe('t')
})

test('replace-a-node.sh: another node takes the place of a lost one', async () => {
  const [lost] = cluster.others(await cluster.primary(20_000))
  if (lost === undefined) throw new Error('no standby')
  await lost.agent.stop('SIGKILL')
  const ran = await runbook('replace-a-node.sh', [lost.host.name, 'pg4', command()], async calledWith => {
    expect(calledWith).toBe(`${lost.host.name} pg4`)
    await endServer(lost)
    for (const left of ['data', 'data.hactl'])
      await rm(join(place, lost.host.name, left), { recursive: true, force: true })
    await rewriteSections(lost.file, { name: 'pg4' })
    await startAgent(cluster.stage, lost.host, lost.file)
  })
  expectDone(ran)
  expect(ran.stdout).toContain('pg4')
})
