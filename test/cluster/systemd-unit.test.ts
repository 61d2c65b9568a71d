// The unit that hactl ships, under a real systemd: what agent, PostgreSQL and fencer need works under its restrictions, what they
// do not need is refused, and what `systemd-analyze security` makes of it stays so. With HACTL_LONG=1 only, in a container
// (harness/systemd-machine.ts): a minute.

import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Machine, startMachine } from './harness/systemd-machine.ts'
import { until } from './harness/until.ts'

const top = join(import.meta.dirname, '..', '..')
const ifLong = test.skipIf(process.env.HACTL_LONG !== '1')
const LIMIT_MS = 60_000

let machine: Machine
let stop = async (): Promise<void> => {}

/** Two nodes in one machine, each with a unit of its own that differs in the path of its configuration alone. */
const configuration = (n: number) => `
scope: main
name: pg${n}
restapi: {listen: 10.9.0.${n}:8008, authentication: {username: hactl, password: u1}}
etcd3: {hosts: [10.9.0.9:2379]}
log: {dir: /var/log/hactl/pg${n}}
bootstrap:
  dcs:
    ttl: 16
    loop_wait: 2
    retry_timeout: 3
    postgresql:
      use_pg_rewind: true
      parameters:
        archive_mode: 'on'
        archive_command: 'test ! -f /srv/disk/archive/%f && cp -p %p /srv/disk/archive/%f'
  initdb: [{encoding: UTF8}, data-checksums, {waldir: /srv/disk/wal${n}/wal}]
postgresql:
  listen: 10.9.0.${n}:5432
  data_dir: /var/lib/postgresql/pg${n}/data
  bin_dir: /usr/lib/postgresql/15/bin
  pgpass: /var/lib/postgresql/pg${n}/pgpass
  basebackup:
  - waldir: /srv/disk/wal${n}/wal
  - tablespace-mapping: /srv/disk/ts/1=/srv/disk/ts/${n}
  authentication:
    superuser: {username: postgres, password: s1}
    replication: {username: replicator, password: r1}
    rewind: {username: rewinder, password: w1}
  pg_hba:
  - local all all peer
  - host replication replicator samenet scram-sha-256
  - host all all samenet scram-sha-256
  parameters: {unix_socket_directories: '/tmp/pg${n}', unix_socket_group: ssl-cert, huge_pages: try}
watchdog: {mode: required, driver: testing, device: /run/watchdog${n}, safety_margin: 3}
`

const SET_UP = `
for n in 1 2 9; do ip addr add 10.9.0.$n/24 dev lo; done
systemctl disable --now postgresql postgresql@15-main 2>/dev/null
usermod -aG ssl-cert postgres
mkdir -p /srv/disk && mount -t tmpfs tmpfs /srv/disk
install -d -o postgres -m 700 /srv/disk/{ts,ts/1,ts/2,wal1,wal2,archive} /etc/hactl /var/log/hactl
systemd-run -q --unit=etcd-test -p DynamicUser=yes -p StateDirectory=etcd-test /usr/bin/etcd --data-dir=/var/lib/etcd-test \
  --listen-client-urls=http://10.9.0.9:2379 --advertise-client-urls=http://10.9.0.9:2379 --listen-peer-urls=http://10.9.0.9:2380
for n in 1 2; do
  install -d -o postgres -m 700 /var/lib/postgresql/pg$n /var/log/hactl/pg$n /tmp/pg$n
  mkfifo /run/watchdog$n && chown postgres /run/watchdog$n
  systemd-run -q --unit=feed$n sh -c "exec cat <> /run/watchdog$n > /run/fed$n"
  sed "s,/etc/hactl/hactl.yml,/etc/hactl/pg$n.yml," /opt/hactl/contrib/systemd/hactl.service > /etc/systemd/system/hactl-pg$n.service
done
systemctl daemon-reload
`

beforeAll(async () => {
  if (process.env.HACTL_LONG !== '1') return
  machine = await startMachine(top)
  stop = machine.powerOff
  await machine.sh(SET_UP)
  for (const n of [1, 2]) {
    const text = configuration(n).replaceAll("'", "'\\''")
    await machine.sh(`printf %s '${text}' | install -o postgres -m 600 /dev/stdin /etc/hactl/pg${n}.yml`)
  }
  await machine.sh('systemctl start hactl-pg1')
  await until('pg1 leads', async () => (await members()).get('pg1') === 'leader running', LIMIT_MS)
  await sql(
    1,
    "CREATE TABLESPACE other LOCATION '/srv/disk/ts/1'",
    'CREATE TABLE t TABLESPACE other AS SELECT 1 AS a',
  )
  await machine.sh('systemctl start hactl-pg2')
  await streams(2)
}, 900_000)

afterAll(async () => {
  await stop()
})

const HACTL = 'runuser -u postgres -- /opt/hactl/bin/hactl'

/** Role and state of each member. */
async function members(): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await machine.trySh(`${HACTL} list -c /etc/hactl/pg1.yml -f json main`)
  const rows: readonly { Member: string; Role: string; State: string }[] = JSON.parse(stdout)
  return new Map(rows.map(({ Member, Role, State }) => [Member, `${Role} ${State}`.toLowerCase()]))
}

function streams(n: number) {
  const wanted = 'replica streaming'
  return until(`pg${n} streams`, async () => (await members()).get(`pg${n}`) === wanted, LIMIT_MS)
}

function sql(n: number, ...statements: readonly string[]): Promise<string> {
  const options = statements.map(statement => `-c "${statement}"`).join(' ')
  return machine.sh(`runuser -u postgres -- psql -qAtX -v ON_ERROR_STOP=1 -h /tmp/pg${n} ${options}`)
}

const postmaster = async (n: number) =>
  (await machine.sh(`head -1 /var/lib/postgresql/pg${n}/data/postmaster.pid`)).trim()
const agent = async (n: number) => (await machine.sh(`systemctl show -P MainPID hactl-pg${n}`)).trim()

/** What the fencer of pg1 has done. */
const RECORD = 'cat /var/lib/postgresql/pg1/data.hactl/fencer-record.jsonl'

async function fencers(n: number): Promise<readonly string[]> {
  const running = (await machine.sh('pgrep -ax hactl-fencer')).split('\n')
  return running.filter(line => line.includes(`/pg${n}/`)).map(line => line.split(' ')[0] ?? '')
}

/** Has PostgreSQL of pg1 run a command, as it runs archive_command. On failure exits with 3 and says what the command said. */
function asProgram(command: string): string {
  const quoted = `{ ${command}; } 2>/tmp/pg1/said`.replaceAll("'", "'\\''")
  const copy = `COPY (SELECT 1) TO PROGRAM $cmd$ ${quoted} $cmd$`
  return `runuser -u postgres -- psql -qAtX -h /tmp/pg1 -c '${copy}' || { cat /tmp/pg1/said >&2; exit 3; }`
}

ifLong('data, WAL and tablespace on other disks, archive, JIT, socket of a group, watchdog', async () => {
  expect(await machine.sh('readlink -f /var/lib/postgresql/pg[12]/data/pg_wal')).toBe(
    '/srv/disk/wal1/wal\n/srv/disk/wal2/wal\n',
  )
  expect(await sql(2, 'SELECT a FROM t')).toBe('1\n')
  expect(await machine.sh('ls -A /srv/disk/ts/2')).toMatch(/^PG_15/)
  await sql(1, 'SELECT pg_switch_wal()')
  await until('archived', () => machine.sh('ls /srv/disk/archive | grep -q 0000 && echo yes'), LIMIT_MS)
  const plan = ['SET jit_above_cost = 0', 'EXPLAIN (ANALYZE) SELECT sum(a) FROM t']
  expect(await sql(1, ...plan)).toMatch(/JIT:\n\s+Functions: \d/)
  expect(await machine.sh('stat -c %G /tmp/pg1/.s.PGSQL.5432')).toBe('ssl-cert\n')
  await until('fed', () => machine.sh('grep -q Ctimeout= /run/fed1 && echo yes'), LIMIT_MS)
  await machine.sh('mkdir /srv/late && mount -t tmpfs tmpfs /srv/late && chown postgres /srv/late')
  await sql(1, "CREATE TABLESPACE late LOCATION '/srv/late'", 'DROP TABLESPACE late')
})

ifLong('each process is locked in, and the fencer keeps its memory', async () => {
  const pids = '$(cat /sys/fs/cgroup/systemd/system.slice/hactl-pg1.service/cgroup.procs)'
  const status = await machine.sh(
    `for pid in ${pids}; do cat /proc/$pid/status; done | grep -E '^(CapBnd|NoNewPrivs|Seccomp):'`,
  )
  expect([...new Set(status.trim().split('\n'))].sort()).toEqual([
    'CapBnd:\t0000000000000000',
    'NoNewPrivs:\t1',
    'Seccomp:\t2',
  ])
  const locked = await machine.sh(`grep VmLck /proc/${(await fencers(1))[0]}/status`)
  expect(Number(/\d+/.exec(locked)?.[0])).toBeGreaterThan(0)
})

// Each would be done, or refused in other words, without the restrictions.
ifLong.each([
  ['the configuration is read only', 'touch /etc/hactl/x', 'Read-only file system'],
  ['programs are read only', 'touch /usr/bin/x', 'Read-only file system'],
  ['homes are out of sight', 'ls /home', 'Permission denied'],
  ['processes of others are out of sight', 'ls -d /proc/1', 'No such file'],
  ['no namespace', 'unshare --user true', 'Operation not permitted'],
  ['no setuid file', 'cp /bin/true /tmp/pg1/true && chmod u+s /tmp/pg1/true', 'Operation not permitted'],
  ['no raw packets', "perl -e 'socket(S, 17, 3, 0) or die $!'", 'Address family not supported'],
])('a command of PostgreSQL: %s', async (_what, command, said) => {
  const { code, stderr } = await machine.trySh(asProgram(command))
  expect([code, stderr]).toEqual([3, expect.stringContaining(said)])
})

ifLong('what people archive with goes on', async () => {
  await machine.sh('chown postgres /etc/postgresql')
  const commands = [
    ...['ssh -V', 'openssl version', 'nice -n 5 ionice -c 3 true', 'touch /etc/postgresql/x'],
    ...['cp -p /srv/disk/archive/*1 /tmp/pg1/copy', 'chgrp ssl-cert /tmp/pg1/copy'],
  ]
  await machine.sh(asProgram(commands.join(' && ')))
})

ifLong('reload, an agent that is killed, one that is frozen, rewind, copy, switchover', async () => {
  await machine.sh('systemctl reload hactl-pg1')
  const [server, first] = [await postmaster(1), await agent(1)]
  await machine.sh('systemctl kill --signal=SIGKILL --kill-whom=main hactl-pg1')
  const next = await until(
    'another agent',
    async () => [await agent(1)].find(pid => pid !== first && pid !== '0'),
    LIMIT_MS,
  )
  const [old] = await fencers(1)
  await until('its fencer is the only one', async () => (await fencers(1)).join() !== old, LIMIT_MS)
  await until('the other has gone', async () => (await fencers(1)).length === 1, LIMIT_MS)
  expect(await machine.sh(RECORD)).toBe('')
  expect(await postmaster(1)).toBe(server)

  // The server began under the first agent, in a namespace of mounts that went with it: the new fencer finds it all the same.
  await machine.sh(`kill -STOP ${next}`)
  await until('pg2 leads', async () => (await members()).get('pg2') === 'leader running', LIMIT_MS)
  expect((await machine.trySh(`kill -0 ${server}`)).code).toBe(1)
  expect(await machine.sh(`${RECORD} | tail -1`)).toContain('"left":0')
  await sql(2, 'INSERT INTO t VALUES (2)', 'CHECKPOINT')
  await machine.sh(`kill -CONT ${next}`)
  await streams(1)
  expect(await sql(1, 'SELECT count(*) FROM t')).toBe('2\n')

  const asked = (command: string) =>
    machine.sh(`${HACTL} ${command} -c /etc/hactl/pg1.yml --force --timeout 60`, LIMIT_MS)
  await asked('reinit main pg1')
  await streams(1)
  await asked('switchover main --candidate pg1')
  await streams(2)
})

ifLong('what systemd-analyze makes of it, and a stop', async () => {
  // 9.4 without the restrictions.
  const judged = await machine.sh('systemd-analyze security --no-pager --threshold=24 hactl-pg1')
  expect(judged).toMatch(/Overall exposure level for hactl-pg1.service: 2\.\d OK/)
  // A word that this systemd does not know would be told with its file and line, and have no effect.
  expect(await machine.sh('journalctl --no-pager -o cat _PID=1')).not.toMatch(/hactl-pg1\.service:\d+:/)
  const server = await postmaster(1)
  await machine.sh('systemctl stop hactl-pg1', LIMIT_MS)
  expect((await machine.trySh(`kill -0 ${server}`)).code).toBe(1)
})
