// `switchover` and `failover` as an operator meets them: what is said before, what is done, and that nothing is claimed
// which was not seen. etcd is real; the members are small HTTP servers that behave as the test says.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FakeCluster, type FakeMember, openCluster } from './stage/members.ts'
import { copiesFrom } from './stage/operated-members.ts'
import { openStage, type Stage } from './stage/stage.ts'
import { openTerminal } from './stage/terminal.ts'

/** What a command adds for members that run hactl. */
const NOTE = {
  id: expect.any(String),
  requested_by: expect.stringMatching(/^\S+@\S+$/),
  valid_until: expect.stringMatching(/Z$/),
}

let stage: Stage
let cluster: FakeCluster

beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.stop())
beforeEach(async () => {
  cluster = await openCluster(stage)
})
afterEach(() => cluster.close())

/** The leader hands over to `to` and answers as agents do. */
function leaderHandsOver(to: string, rejoins: 'rejoins' | 'stays away' = 'rejoins'): void {
  cluster.member('pg0').onRequest = async (action, body) => {
    await stage.put('duo/failover', { leader: body.leader, member: body.candidate })
    await cluster.changeLeader('pg0', to, rejoins)
    return [200, `Successfully ${action === 'switchover' ? 'switched' : 'failed'} over to "${to}"`]
  }
}

/** Until hactl has seen it lead, it says that it does not accept writes yet; then it is gone and pg0 leads again. */
async function dieWhenAsked(winner: FakeMember): Promise<void> {
  const endMs = performance.now() + 20_000
  const isAsked = () => winner.requests.some(({ line }) => line === 'GET /primary')
  while (!isAsked() && performance.now() < endMs) await new Promise(resolve => setTimeout(resolve, 20))
  await winner.close()
  await stage.put('duo/leader', 'pg0')
}

test('a dry run says who would win and why not the others', async () => {
  const text = await stage.transcript([
    ['switchover', 'duo', '--dry-run'],
    ['switchover', 'duo', '--candidate', 'pg2', '--dry-run'],
    ['switchover', 'duo', '--dry-run', '--json'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/switchover-dry-run.txt')
  expect(
    cluster.members.flatMap(member => member.requests).filter(({ line }) => line.startsWith('POST')),
  ).toEqual([])
})

test('a copy from the leader that would end is said, and --force alone does not end it', async () => {
  await copiesFrom(stage, cluster.member('pg2'), 'pg0')
  const text = await stage.transcript([
    ['switchover', 'duo', '--dry-run'],
    ['switchover', 'duo', '--force'],
    ['failover', 'duo', '--candidate', 'pg1', '--force'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/switchover-copy.txt')
  const asking = openTerminal(
    ['switchover', 'duo', '--candidate', 'pg1', '--scheduled', 'now', '--leader', 'pg0'],
    {
      DCS_URL: stage.url,
    },
  )
  await asking.until('Are you sure')
  expect(asking.shown()).toContain('Note: the copy of pg2 from pg0 (54 %) would end and begin anew')
  asking.type('n\r')
  expect(await asking.end()).toBe(3)
  expect(
    cluster.members.flatMap(member => member.requests).filter(({ line }) => line.startsWith('POST')),
  ).toEqual([])
  leaderHandsOver('pg1')
  const accepted = await stage.hactl(['switchover', 'duo', '--force', '--accept-broken-copy', '--json'])
  expect([accepted.code, JSON.parse(accepted.stdout).endangeredCopies]).toEqual([
    0,
    [{ member: 'pg2', source: 'pg0', percent: 54 }],
  ])
})

test('list shows how far a copy is: to people in the state, to programs beside it', async () => {
  await copiesFrom(stage, cluster.member('pg2'), 'pg0')
  const shown = async (...args: string[]) => (await stage.hactl(['list', 'duo', ...args])).stdout
  expect(await shown()).toMatch(/\| creating replica \(54 %\) +\|/)
  expect(await shown('--format', 'tsv')).toMatch(/\tcreating replica\t/)
  const [, , pg2] = JSON.parse(await shown('--json')).clusters[0].members
  expect([pg2.state, pg2.copiedPercent]).toEqual(['creating replica', 54])
  const { stdout } = await stage.hactl(['list', 'duo'], { env: { HACTL_CALLED_AS: 'patronictl' } })
  expect(stdout).toMatch(/\| creating replica +\|/)
})

test('a copy from another member than the leader is in nobody’s way', async () => {
  await copiesFrom(stage, cluster.member('pg2'), 'pg1')
  leaderHandsOver('pg1')
  const ran = await stage.hactl(['switchover', 'duo', '--candidate', 'pg1', '--force', '--json'])
  expect([ran.code, JSON.parse(ran.stdout).endangeredCopies]).toEqual([0, []])
})

test('a dry run refuses what the leader would: nobody, or not the named one, streams from it', async () => {
  const pg0 = cluster.member('pg0')
  cluster.member('pg2').now.location = 50_000_000
  const dryRun = async (...more: string[]) => {
    const ran = await stage.hactl(['switchover', 'duo', '--dry-run', '--json', ...more])
    const { candidates, error } = JSON.parse(ran.stdout)
    const codes = candidates.map((each: { code: string }) => each.code).join(' ')
    return [ran.code, codes, error?.message ?? null]
  }
  pg0.now = { ...pg0.now, sendsTo: [] }
  const silent = (name: string) =>
    `${name}: at 0/2FAF080, 0 bytes behind the leader, but it does not stream from pg0`
  expect(await dryRun()).toEqual([
    3,
    'not-streaming not-streaming',
    `switchover refused: no member of cluster duo can take over: ${silent('pg1')}; ${silent('pg2')}`,
  ])
  pg0.now = { ...pg0.now, sendsTo: ['pg2'] }
  expect(await dryRun()).toEqual([0, 'not-streaming good', null])
  expect(await dryRun('--candidate', 'pg1')).toEqual([
    3,
    'not-streaming good',
    `switchover refused: candidate ${silent('pg1')}`,
  ])
  expect(pg0.requests.filter(({ line }) => line.startsWith('POST'))).toEqual([])
})

test('an empty name, as from an unset variable of a script, is no wish for just anybody', async () => {
  for (const flag of ['--candidate=', '--leader=']) {
    const ran = await stage.hactl(['switchover', 'duo', flag, '--force'])
    expect(ran).toMatchObject({ code: 2, stdout: '' })
    expect(ran.stderr).toContain('expected the name of a member, not an empty one')
  }
  expect(cluster.members.flatMap(member => member.requests)).toEqual([])
})

test('a switchover ends when the new leader writes and the old one streams', async () => {
  leaderHandsOver('pg1')
  const text = await stage.transcript([['switchover', 'duo', '--candidate', 'pg1', '--force']])
  await expect(text).toMatchFileSnapshot('transcripts/switchover.txt')
  const posts = cluster.member('pg0').requests.filter(({ line }) => line.startsWith('POST'))
  expect(posts.map(({ line, body }) => ({ line, body: JSON.parse(body) }))).toEqual([
    { line: 'POST /switchover', body: { candidate: 'pg1', leader: 'pg0', hactl: NOTE } },
  ])
})

test('its JSON says what the cluster became', async () => {
  leaderHandsOver('pg1')
  const ran = await stage.hactl(['switchover', 'duo', '--force', '--json'])
  expect(JSON.parse(ran.stdout)).toMatchObject({
    ok: true,
    error: null,
    outcome: 'done',
    oldLeader: 'pg0',
    newLeader: 'pg1',
    newLeaderWritable: true,
    formerLeader: { name: 'pg0', state: 'streaming', streaming: true },
    requestedThrough: 'rest:pg0',
    lostBytes: 0,
  })
  expect([ran.code, ran.stderr]).toEqual([0, ''])
})

test('what is so already is well', async () => {
  const text = await stage.transcript([
    ['switchover', 'duo', '--candidate', 'pg0', '--force'],
    ['failover', 'duo', '--candidate', 'pg0', '--force'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/switchover-already.txt')
})

test('who leads already is asked whether it accepts writes; a request to move it away is no already', async () => {
  const leads = async () => {
    const ran = await stage.hactl(['switchover', 'duo', '--candidate', 'pg0', '--force', '--json'])
    const { outcome, newLeaderWritable } = JSON.parse(ran.stdout)
    return [ran.code, outcome, newLeaderWritable]
  }
  const pg0 = cluster.member('pg0')
  pg0.onLine = async line => (line === 'GET /primary' ? [503, '{}'] : null)
  expect(await leads()).toEqual([0, 'already', false])
  const { stdout } = await stage.hactl(['switchover', 'duo', '--candidate', 'pg0', '--force'])
  expect(stdout).toContain('"pg0" is the leader already, nothing to do; it does not accept writes now\n')
  pg0.onLine = async () => null
  expect(await leads()).toEqual([0, 'already', true])
  pg0.onLine = async line => (line === 'GET /primary' ? new Promise(() => {}) : null)
  expect(await leads()).toEqual([0, 'already', null])
  pg0.onLine = async () => null
  await stage.put('duo/failover', { leader: 'pg0', member: 'pg1' })
  expect(await leads()).toEqual([5, 'not-begun', null])
})

test('refusals come before anything is touched, with their reason', async () => {
  const text = await stage.transcript([
    ['switchover', 'duo'],
    ['switchover', 'duo', '--candidate', 'pg2', '--force'],
    ['switchover', 'duo', '--candidate', 'pg9', '--force'],
    ['switchover', 'duo', '--leader', 'pg1', '--force'],
    ['switchover', 'duo', '--scheduled', 'tomorrow', '--force'],
    ['switchover', 'duo', '--scheduled', '2020-01-01T00:00Z', '--force'],
    ['failover', 'duo', '--force'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/switchover-refused.txt')
  expect(cluster.member('pg0').requests.filter(({ line }) => line.startsWith('POST'))).toEqual([])
})

test('a member refuses: exit code 3 with its words', async () => {
  cluster.member('pg0').onRequest = async () => [
    412,
    'switchover is not possible: no good candidates have been found',
  ]
  const ran = await stage.hactl(['switchover', 'duo', '--candidate', 'pg1', '--force'])
  expect(ran.code).toBe(3)
  expect(ran.stderr).toContain('pg0 answered 412: switchover is not possible')
})

test('the former leader does not come back: partly done, exit code 7', async () => {
  leaderHandsOver('pg1', 'stays away')
  const ran = await stage.hactl(['switchover', 'duo', '--force', '--timeout', '8'])
  expect(ran.code).toBe(7)
  expect(ran.stderr).toContain(
    'pg1 leads cluster duo, but the former leader pg0 is not back as a streaming standby (stopped)',
  )
})

test('another member wins: partly done, exit code 7', async () => {
  cluster.member('pg2').now = { ...cluster.member('pg2').now, location: 50_000_000 }
  leaderHandsOver('pg2')
  const ran = await stage.hactl(['switchover', 'duo', '--candidate', 'pg1', '--force'])
  expect(ran.code).toBe(7)
  expect(ran.stderr).toContain('pg2 leads cluster duo, but pg1 was asked for')
})

test('the winner dies before it accepts writes: who leads then is told at once, exit code 7', async () => {
  cluster.member('pg0').onRequest = async () => {
    await cluster.member('pg1').close()
    await stage.put('duo/leader', 'pg1')
    setTimeout(() => void cluster.changeLeader('pg0', 'pg2', 'rejoins'), 700)
    return [200, 'Successfully switched over to "pg1"']
  }
  const ran = await stage.hactl(['switchover', 'duo', '--candidate', 'pg1', '--force', '--timeout', '25'])
  expect(ran.code).toBe(7)
  expect(ran.stderr).toContain('pg2 leads cluster duo, but pg1 was asked for')
  // Without waiting for the time to be over.
  expect(ran.ms).toBeLessThan(20_000)
})

test('the winner dies and the old leader takes over again: exit code 3', async () => {
  const dying: Promise<void>[] = []
  cluster.member('pg0').onRequest = async () => {
    await stage.put('duo/leader', 'pg1')
    dying.push(dieWhenAsked(cluster.member('pg1')))
    return [200, 'Successfully switched over to "pg1"']
  }
  const ran = await stage.hactl(['switchover', 'duo', '--candidate', 'pg1', '--force', '--timeout', '20'])
  await Promise.all(dying)
  expect(ran.code).toBe(3)
  expect(ran.stderr).toContain('pg1 took the lease and lost it before it accepted writes; pg0 leads again')
})

test('nothing happens in time: exit code 6', async () => {
  cluster.member('pg0').onRequest = async (_action, body) => {
    await stage.put('duo/failover', { leader: body.leader, member: body.candidate })
    return new Promise(() => {})
  }
  const ran = await stage.hactl(['switchover', 'duo', '--candidate', 'pg1', '--force', '--timeout', '8'])
  expect(ran.code).toBe(6)
  expect(ran.stderr).toContain(
    'did not end within 8 s: nobody had begun it, and the request was withdrawn; pg0 still leads',
  )
  expect(await stage.get('duo/failover')).toBe('{}')
  expect(ran.ms).toBeLessThan(20_000)
})

test('the agents give it up: exit code 3', async () => {
  cluster.member('pg0').onRequest = async (_action, body) => {
    await stage.put('duo/failover', { leader: body.leader, member: body.candidate })
    // Only what was seen to be under way can be given up.
    await stage.untilRead()
    await stage.put('duo/failover', '{}')
    return [503, 'Switchover failed']
  }
  const ran = await stage.hactl(['switchover', 'duo', '--candidate', 'pg1', '--force'])
  expect(ran.code).toBe(3)
  expect(ran.stderr).toContain('switchover refused: pg0 says: Switchover failed; pg0 still leads')
})

test('a hung leader is passed over for another member', async () => {
  cluster.member('pg0').hung = true
  cluster.member('pg1').onRequest = async (_action, body) => {
    await stage.put('duo/failover', { leader: body.leader, member: body.candidate })
    cluster.member('pg0').hung = false
    await cluster.changeLeader('pg0', 'pg1', 'rejoins')
    return [200, 'Successfully switched over to "pg1"']
  }
  const ran = await stage.hactl(['switchover', 'duo', '--candidate', 'pg1', '--force', '--json'])
  expect(JSON.parse(ran.stdout)).toMatchObject({ ok: true, outcome: 'done', requestedThrough: 'rest:pg1' })
  expect(ran.ms).toBeLessThan(20_000)
})

test('with no member left to ask the request goes into etcd', async () => {
  const [pg0, pg2] = [cluster.member('pg0'), cluster.member('pg2')]
  await Promise.all([pg0.close(), pg2.close()])
  const pg1 = cluster.member('pg1')
  pg1.onRequest = () => new Promise(() => {})
  const running = stage.hactl(['switchover', 'duo', '--candidate', 'pg1', '--force', '--json'])
  const endMs = performance.now() + 20_000
  while (!(await stage.get('duo/failover')).includes('pg1') && performance.now() < endMs) {
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  expect(JSON.parse(await stage.get('duo/failover'))).toEqual({
    leader: 'pg0',
    member: 'pg1',
    hactl: { ...NOTE, requested_at: expect.any(String) },
  })
  await pg0.listen()
  await cluster.changeLeader('pg0', 'pg1', 'rejoins')
  const ran = await running
  expect(JSON.parse(ran.stdout)).toMatchObject({ ok: true, requestedThrough: 'etcd', newLeader: 'pg1' })
})

test('another request under way: exit code 5', async () => {
  await stage.put('duo/failover', { leader: 'pg0', member: 'pg2' })
  const ran = await stage.hactl(['switchover', 'duo', '--candidate', 'pg1', '--force'])
  expect([ran.code, ran.stderr]).toEqual([
    5,
    'error: another request for cluster duo is pending: switchover from pg0 to pg2, by whom is not known\nHINT: --replace takes its place; see hactl list duo.\n',
  ])
})

test('a scheduled switchover is handed in as it is', async () => {
  cluster.member('pg0').onRequest = async () => [202, 'Switchover scheduled']
  const ran = await stage.hactl(['switchover', 'duo', '--scheduled', '2090-01-01T03:00+01:00', '--force'])
  expect(ran.code).toBe(0)
  expect(ran.stdout).toContain('Switchover scheduled at 2090-01-01T02:00:00+00:00')
  const { body } = cluster.member('pg0').requests.find(({ line }) => line.startsWith('POST')) ?? { body: '' }
  expect(JSON.parse(body)).toEqual({
    candidate: null,
    leader: 'pg0',
    scheduled_at: '2090-01-01T02:00:00+00:00',
    // It is kept until its time: it has no other end.
    hactl: { id: NOTE.id, requested_by: NOTE.requested_by },
  })
})

test('in maintenance mode a failover beside a leader that is silent needs the flag: nothing stops its server', async () => {
  await stage.delete('duo/leader')
  await stage.put('duo/hactl/last_leader', 'pg0')
  await stage.put('duo/config', { ttl: 30, pause: true })
  await cluster.member('pg0').close()
  const ran = await stage.hactl(['failover', 'duo', '--candidate', 'pg1', '--force'])
  expect(ran.stderr).toContain(
    'pg0 led last and does not answer, and in maintenance mode nothing stops its server',
  )
  expect(ran.code).toBe(10)
})

test('a failover without a leader says what would be lost, and needs the flag', async () => {
  await stage.delete('duo/leader')
  await cluster.member('pg0').close()
  await stage.delete('duo/members/pg0')
  const text = await stage.transcript([
    ['switchover', 'duo', '--force'],
    ['failover', 'duo', '--candidate', 'pg2', '--dry-run'],
    ['failover', 'duo', '--candidate', 'pg2', '--force'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/failover-loss.txt')
  cluster.member('pg2').onRequest = async () => {
    await cluster.changeLeader(null, 'pg2', 'stays away')
    return [200, 'Successfully failed over to "pg2"']
  }
  const ran = await stage.hactl([
    'failover',
    'duo',
    '--candidate',
    'pg2',
    '--force',
    '--accept-data-loss',
    '--json',
  ])
  expect(JSON.parse(ran.stdout)).toMatchObject({
    ok: true,
    outcome: 'done',
    newLeader: 'pg2',
    lostBytes: 2097152,
    formerLeader: null,
  })
})

test('a candidate that does not answer: exit code 9', async () => {
  await cluster.member('pg1').close()
  const ran = await stage.hactl(['switchover', 'duo', '--candidate', 'pg1', '--force'])
  expect(ran.code).toBe(9)
  expect(ran.stderr).toMatch(/^error: member pg1 cannot be reached: .*ECONNREFUSED/)
})

test('a candidate that answers but is being copied is refused, not called unreachable: exit code 3', async () => {
  const pg1 = cluster.member('pg1')
  pg1.now = { ...pg1.now, state: 'creating replica', location: Number.NaN }
  const ran = await stage.hactl(['switchover', 'duo', '--candidate', 'pg1', '--force'])
  expect(ran.code).toBe(3)
  expect(ran.stderr).toContain(
    'candidate pg1: not ready: its answer has no WAL position (state creating replica)',
  )
})

test('version and list ask the members, and say who did not answer', async () => {
  await cluster.member('pg1').close()
  cluster.member('pg2').hung = true
  const text = await stage.transcript([
    ['version', 'duo'],
    ['version', 'duo', 'pg0'],
    ['version', 'duo', 'pg7'],
  ])
  await expect(text).toMatchFileSnapshot('transcripts/version.txt')
  const listed = await stage.hactl(['list', 'duo', '--json'])
  const members: readonly { readonly answers: boolean }[] = JSON.parse(listed.stdout).clusters[0].members
  expect(members.map(member => member.answers)).toEqual([true, false, false])
  expect(listed.ms).toBeLessThan(20_000)
})
