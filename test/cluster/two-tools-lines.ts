// The command lines that two-tools.test.ts gives to patronictl 4.1.5 and to hactl called as patronictl, in an order that lets each
// do its work: a round begins and ends with pg1 (hactl) as the leader of pg2 (hactl) and pg3 (Patroni), and with nothing asked for.

export interface Line {
  /** After `patronictl -c FILE`. */
  readonly line: string
  readonly stdin?: string
  /** What it does, in the words of harness/effects.ts; nothing when left out. */
  readonly does?: readonly string[]
  /** Every node's own file has a new setting before it. */
  readonly newFiles?: true
  /** hactl's answer is another one on purpose. */
  readonly differs?: Difference
  readonly isLong?: true
}

export interface Difference {
  readonly why: string
  /** What of hactl's answer is to be rewritten to get patronictl's. */
  readonly rewrite: (stdout: string) => string
}

const all = (what: string) => ['pg1', 'pg2', 'pg3'].map(name => `${name} ${what}`)
const at = '2030-01-01T03:00'

/** They change nothing, so that both tools are asked at the same moment, and answer the same to the character. */
export const READING: readonly Pick<Line, 'line' | 'isLong'>[] = [
  { line: 'list test' },
  { line: 'list test -e -f tsv' },
  { line: 'list test -f json', isLong: true },
  { line: 'list test -f yaml', isLong: true },
  { line: 'list nowhere test', isLong: true },
  { line: 'topology test' },
  { line: 'dsn test', isLong: true },
  { line: 'dsn test -r replica' },
  { line: 'dsn test -m pg3', isLong: true },
  { line: 'dsn test -m pg9' },
  { line: 'query test -U postgres -d postgres -c "select 1 as one, null as nothing"', isLong: true },
  {
    line: 'query test -U postgres -d postgres -r replica -c "select pg_is_in_recovery()" --format json',
    isLong: true,
  },
  { line: 'query test -U postgres -d postgres -m pg2 -c "select pg_is_in_recovery()" --format yaml' },
  { line: 'query test -U postgres -d postgres -m pg9 -c "select 1"' },
  { line: 'query test -U postgres -d postgres -c "selec"', isLong: true },
  { line: 'query test', isLong: true },
  { line: 'show-config test' },
  { line: 'history test', isLong: true },
  { line: 'history test -f tsv', isLong: true },
  { line: 'history test -f json' },
  { line: 'version', isLong: true },
  { line: 'version test' },
  { line: 'version test pg2', isLong: true },
]

/** patronictl restarts in the order of the names, which takes the leader away in the middle. */
const LEADER_LAST: Difference = {
  why: 'the leader is restarted last',
  rewrite: stdout => {
    const member = /(?<=Success: restart on member )\w+/g
    const names = (stdout.match(member) ?? []).toSorted((a, b) => a.localeCompare(b))
    return stdout.replaceAll(member, () => names.shift() ?? '')
  },
}

/** `isLong`: with HACTL_LONG=1 only; the same with members that only seem to be there is in test/commands/drop-in-members.test.ts. */
export const CHANGING: readonly Line[] = [
  { line: 'reload test', stdin: 'n\n', newFiles: true, isLong: true },
  { line: 'reload test pg9 --force', isLong: true },
  { line: 'reload test --role leader --force', isLong: true, does: ['pg1 reloaded'] },
  { line: 'reload test', stdin: 'y\n', newFiles: true, does: all('reloaded') },
  { line: 'reload test pg2 pg9 --force', newFiles: true, does: ['pg2 reloaded'] },

  { line: 'restart test pg2', stdin: '\nn\n', isLong: true },
  { line: 'restart test pg9 --force', isLong: true },
  { line: 'restart test pg2', stdin: '\ny\n\n', does: ['pg2 restarted'] },
  { line: 'restart test --role replica --force', does: ['pg2 restarted', 'pg3 restarted'] },
  { line: 'restart test pg2 --pg-version 9.5.2 --force', isLong: true },
  { line: 'restart test --pending --force', isLong: true },
  {
    line: 'edit-config test -p max_logical_replication_workers=5 --force',
    isLong: true,
    does: ['postgresql.parameters.max_logical_replication_workers none to 5', ...all('waits for a restart')],
  },
  {
    line: 'restart test --pending --force',
    isLong: true,
    does: [...all('restarted'), ...all('does not wait for a restart')],
    differs: LEADER_LAST,
  },
  {
    line: 'edit-config test -p max_logical_replication_workers=null',
    stdin: 'y\n',
    isLong: true,
    does: ['postgresql.parameters.max_logical_replication_workers 5 to none', ...all('waits for a restart')],
  },
  {
    line: 'restart test',
    stdin: 'now\ny\n\n',
    isLong: true,
    does: [...all('restarted'), ...all('does not wait for a restart')],
    differs: LEADER_LAST,
  },
  { line: `restart test pg2 --scheduled ${at}`, stdin: 'n\n', isLong: true },
  {
    line: `restart test pg2 --scheduled ${at}`,
    stdin: 'y\n\n',
    does: [`pg2 restarts at ${at}:00+00:00`],
  },
  { line: `restart test pg2 --scheduled ${at}`, stdin: 'y\n\n' },
  { line: 'restart test pg2 --scheduled whenever --force', isLong: true },
  { line: 'flush test restart', stdin: 'n\n', isLong: true },
  { line: 'flush test restart', stdin: 'y\n', does: ['pg2 restarts at no time'] },
  {
    line: `restart test pg2 pg3 --scheduled ${at} --force`,
    does: ['pg2', 'pg3'].map(name => `${name} restarts at ${at}:00+00:00`),
    isLong: true,
  },
  {
    line: 'restart test pg2 --scheduled 2020-01-01T03:00 --force',
    isLong: true,
    does: ['pg2 restarts at no time'],
  },
  { line: 'flush test pg1 pg3 restart --force', isLong: true, does: ['pg3 restarts at no time'] },

  { line: 'reinit test pg1 --force', isLong: true },
  { line: 'reinit test pg9 --force', isLong: true },
  { line: 'reinit test pg2', stdin: 'n\n', isLong: true },
  { line: 'reinit test', stdin: 'pg9\n', isLong: true },
  { line: 'reinit test pg2 --force --wait', does: ['pg2 copied anew'] },

  { line: 'edit-config test -s loop_wait=3', stdin: 'n\n', isLong: true },
  { line: 'edit-config test -s loop_wait=3 -q', stdin: 'y\n', does: ['loop_wait 2 to 3'] },
  { line: 'edit-config test -s loop_wait=3 --force', isLong: true },
  { line: 'edit-config test --apply -', stdin: 'loop_wait: 2\n', isLong: true },
  { line: 'edit-config test --apply - --force', stdin: 'loop_wait: 2\n', does: ['loop_wait 3 to 2'] },

  {
    line: `switchover test --candidate pg2 --scheduled ${at} --force`,
    does: [`switchover from pg1 to pg2 at ${at}:00+00:00`],
  },
  { line: 'pause test', does: ['pause none to true'] },
  { line: 'pause test', isLong: true },
  { line: 'flush test switchover', does: ['no request'] },
  { line: 'flush test switchover', isLong: true },
  { line: `switchover test --scheduled ${at} --force`, isLong: true },
  { line: `restart test pg2 --scheduled ${at} --force`, isLong: true },
  { line: 'resume test --wait', does: ['pause true to none'] },
  { line: 'resume test' },

  { line: 'switchover test --leader pg9 --force', isLong: true },
  { line: 'switchover test --candidate pg9 --force' },
  { line: 'switchover test --candidate pg1 --force', isLong: true },
  { line: 'switchover test --scheduled whenever --force', isLong: true },
  { line: 'switchover test', stdin: '\npg2\n\nn\n', isLong: true },
  { line: 'switchover test', stdin: '\npg2\n\ny\n', does: ['pg2 leads', 'pg1 restarted'] },
  { line: 'failover test --force', isLong: true },
  { line: 'failover test --candidate pg1 --force', does: ['pg1 leads', 'pg2 restarted'] },

  { line: 'remove test', stdin: 'nope\n', isLong: true },
  { line: 'remove test', stdin: 'test\nno\n', isLong: true },
  { line: 'remove test', stdin: 'test\nYes I am aware\nnobody\n' },
]

/** By hactl's own name, with --json, on members that run Patroni: pg3 follows, then leads. */
export interface OwnLine {
  readonly line: string
  readonly code?: number
  readonly does?: readonly string[]
  readonly newFiles?: true
  readonly isLong?: true
  /** What is in the answer's JSON, at least. */
  readonly says?: object
}

const outcomes = (...members: readonly string[]) => ({
  members: members.map(text => ({ member: text.split(' ')[0], outcome: text.split(' ')[1] })),
})

export const OWN: readonly OwnLine[] = [
  {
    line: 'reload test pg3 --force',
    newFiles: true,
    says: outcomes('pg3 requested'),
    does: ['pg3 reloaded'],
  },
  { line: 'restart test pg3 --force', says: outcomes('pg3 done'), isLong: true, does: ['pg3 restarted'] },
  {
    line: `restart test pg3 --scheduled ${at} --force`,
    says: outcomes('pg3 scheduled'),
    does: [`pg3 restarts at ${at}:00+00:00`],
  },
  { line: 'flush test pg3 restart --force', says: outcomes('pg3 done'), does: ['pg3 restarts at no time'] },
  { line: 'reinit test pg3 --force', says: outcomes('pg3 done'), does: ['pg3 copied anew'] },
  {
    line: 'drain test pg3',
    code: 3,
    says: {
      error: {
        message: 'drain refused: pg3 runs Patroni 4.1.5, which reads its tags from its configuration only',
      },
    },
  },
  {
    line: 'switchover test --candidate pg3 --force',
    says: { ok: true },
    does: ['pg3 leads', 'pg1 restarted'],
  },
  { line: 'wait test --for leader --for streaming --for pg3=leader', says: { reached: true } },
  { line: 'check test --wait 30 --expect 3', says: { ok: true } },
  { line: 'dsn test', says: { ok: true }, isLong: true },
  { line: 'query test -U postgres -d postgres -c "select 1 as one"', says: { ok: true } },
  { line: 'list test', says: { ok: true }, isLong: true },
  { line: 'history test', says: { ok: true }, isLong: true },
  { line: 'version test', says: { ok: true }, isLong: true },
  { line: 'edit-config test -s loop_wait=3 --force', says: { ok: true }, does: ['loop_wait 2 to 3'] },
  { line: 'edit-config test -s loop_wait=2 --force', says: { ok: true }, does: ['loop_wait 3 to 2'] },
  {
    line: `switchover test --candidate pg1 --scheduled ${at} --force`,
    says: { ok: true },
    does: [`switchover from pg3 to pg1 at ${at}:00+00:00`],
  },
  { line: 'flush test switchover', says: { ok: true }, does: ['no request'] },
  {
    line: 'pause test',
    says: { paused: true, ...outcomes('pg1 done', 'pg2 done', 'pg3 done') },
    does: ['pause none to true'],
  },
  {
    line: 'resume test',
    says: { paused: false, ...outcomes('pg1 done', 'pg2 done', 'pg3 done') },
    does: ['pause true to none'],
  },
  { line: 'restart test pg3 --force', says: outcomes('pg3 done'), does: ['pg3 restarted'] },
  { line: 'drain test pg3', code: 3, isLong: true },
  {
    line: 'rolling restart test --force',
    says: outcomes('pg1 done', 'pg2 done', 'pg3 done'),
    does: ['pg1 leads', ...all('restarted')],
  },
  { line: 'failover test --candidate pg3 --force', isLong: true, does: ['pg3 leads', 'pg1 restarted'] },
  { line: 'switchover test --candidate pg1 --force', isLong: true, does: ['pg1 leads', 'pg3 restarted'] },
  { line: 'restart test pg3 pg9 --force', code: 4, says: { error: { kind: 'member-not-found' } } },
  { line: 'switchover test --candidate pg9 --force', code: 4, isLong: true },
  { line: 'remove test --confirm test', code: 3, says: { error: { kind: 'refused' } } },
  { line: 'undrain test pg3', isLong: true },
  { line: 'topology test', isLong: true },
  { line: 'show-config test', isLong: true },
]
