// Which transcript shows what each command does in each situation that an operator meets on a bad night. every-command.test.ts
// runs those marked HERE, in text and in JSON, and fails when a command of src/commands.ts lacks a situation and a reason.

export const SITUATIONS = [
  'done',
  'refused',
  'already so',
  'member dead',
  'member stopped',
  'etcd dead',
  'etcd hung',
  'unknown names',
  'no terminal',
  'closed stdin',
] as const
export type Situation = (typeof SITUATIONS)[number]

export type Cell =
  /** A run of this command in that transcript ends with that exit code. */
  | { readonly is: 'shown'; readonly file: string; readonly code: number }
  | { readonly is: 'here' }
  | { readonly is: 'none'; readonly why: string }

export interface Row {
  /** On cluster duo: pg0 leads, pg1 streams, pg2 is 2 MiB behind. Without a cell of its own for etcd and names it is run. */
  readonly line: string
  /** As somebody types it who expects to be asked; absent: `line` asks nothing. */
  readonly asks?: string
  /** Absent: `line` with another name. */
  readonly unknownCluster?: string
  /** With the name of a member that does not exist; absent: it takes none. */
  readonly unknownMember?: string
  /** What is run while the member `silent` is dead or stopped; absent: see the cells. */
  readonly withSilent?: string
  readonly silent?: string
  /** Where its JSON of done, refused and already so is written down; absent: with the others' (json-cases.ts), or beside the text. */
  readonly jsonIn?: string
  readonly cells: Readonly<Partial<Record<Situation, Cell>>>
}

const shown = (file: string, code: number): Cell => ({ is: 'shown', file, code })
const none = (why: string): Cell => ({ is: 'none', why })

const READS = none('it changes nothing, so that there is nothing to refuse and nothing that is so already')
const ETCD_ONLY = none('it asks etcd only')
const reads = { refused: READS, 'already so': READS }
const etcdOnly = { 'member dead': ETCD_ONLY, 'member stopped': ETCD_ONLY }
const silentIn = (file: string, code: number) => ({
  'member dead': shown(file, code),
  'member stopped': shown(file, code),
})

/** What is left out is HERE. */
export const ROWS: Readonly<Record<string, Row>> = {
  check: {
    line: 'check duo',
    cells: { done: shown('check', 0), ...reads, ...silentIn('check-unhealthy', 7) },
  },
  drain: {
    line: 'drain duo pg1 --no-wait',
    unknownMember: 'drain duo pg9',
    cells: {
      done: shown('drain', 0),
      refused: shown('drain-refused', 3),
      'already so': shown('drain', 0),
      ...silentIn('drain-silent', 7),
    },
  },
  dsn: {
    line: 'dsn duo',
    unknownMember: 'dsn duo --member pg9',
    cells: { done: shown('dsn', 0), ...reads, ...etcdOnly },
  },
  'edit-config': {
    line: 'edit-config duo --set ttl=40 --force',
    asks: 'edit-config duo --set ttl=40',
    withSilent: 'edit-config duo --pg work_mem=1MB --force',
    silent: 'pg0',
    cells: {
      done: shown('edit-config', 0),
      refused: shown('edit-config-refused', 3),
      'already so': shown('edit-config', 0),
    },
  },
  failover: {
    line: 'failover duo --candidate pg1 --force',
    asks: 'failover duo',
    unknownMember: 'failover duo --candidate pg9 --force',
    withSilent: 'failover duo --candidate pg1 --force',
    cells: {
      done: shown('json-done', 0),
      refused: shown('failover-loss', 10),
      'already so': shown('switchover-already', 0),
    },
  },
  flush: {
    line: 'flush duo switchover',
    asks: 'flush duo pg1 restart',
    unknownMember: 'flush duo pg9 restart --force',
    withSilent: 'flush duo pg1 restart --force',
    cells: {
      done: shown('flush', 0),
      refused: shown('json-refused', 3),
      'already so': shown('flush', 0),
    },
  },
  history: { line: 'history duo', cells: { done: shown('history-and-config', 0), ...reads, ...etcdOnly } },
  list: {
    line: 'list duo',
    jsonIn: 'list-json',
    cells: { done: shown('list', 0), ...reads, ...silentIn('list-asks', 0) },
  },
  pause: {
    line: 'pause duo --no-wait',
    cells: {
      done: shown('pause', 0),
      refused: shown('pause-refused', 4),
      'already so': shown('pause', 0),
      'member dead': shown('pause-dead', 7),
      'member stopped': shown('pause-frozen', 7),
    },
  },
  query: {
    line: 'query duo --command 1',
    asks: 'query duo --password --command 1',
    unknownMember: 'query duo --member pg9 --command 1',
    cells: {
      done: shown('query', 0),
      refused: shown('query-errors', 3),
      'already so': READS,
      'member dead': shown('query-errors', 9),
      'member stopped': shown('query-errors', 6),
    },
  },
  reinit: {
    line: 'reinit duo pg1 --force',
    asks: 'reinit duo pg1',
    unknownMember: 'reinit duo pg9 --force',
    withSilent: 'reinit duo pg1 --force --timeout 3',
    cells: {
      done: shown('json-done', 0),
      refused: shown('reinit-refused', 3),
      'already so': none('a copy is never so already'),
    },
  },
  reload: {
    line: 'reload duo --force',
    asks: 'reload duo',
    unknownMember: 'reload duo pg9 --force',
    cells: {
      done: shown('reload', 0),
      refused: shown('reload', 3),
      'already so': shown('reload', 0),
      ...silentIn('reload-silent', 7),
    },
  },
  remove: {
    line: 'remove duo --confirm duo',
    asks: 'remove duo',
    withSilent: 'remove duo --confirm duo',
    cells: {
      done: shown('remove', 0),
      refused: shown('remove-refused', 3),
      'already so': none('a cluster that is gone is not known: 4 (unknown names)'),
    },
  },
  restart: {
    line: 'restart duo --force',
    asks: 'restart duo',
    unknownMember: 'restart duo pg9 --force',
    withSilent: 'restart duo pg1 --force',
    cells: {
      done: shown('restart', 0),
      refused: shown('restart-copy', 3),
      'already so': shown('json-already-so', 0),
    },
  },
  resume: {
    line: 'resume duo --no-wait',
    cells: {
      done: shown('pause', 0),
      refused: shown('json-refused', 4),
      'already so': shown('pause', 0),
      'member dead': none('as pause, whose code it is: pause-dead.txt'),
      'member stopped': none('as pause, whose code it is: pause-frozen.txt'),
    },
  },
  'rolling:restart': {
    line: 'rolling restart duo --force',
    asks: 'rolling restart duo',
    withSilent: 'rolling restart duo --force',
    cells: {
      done: shown('rolling-restart', 0),
      refused: shown('rolling-restart-refused', 3),
      'already so': shown('json-already-so', 0),
    },
  },
  'show-config': {
    line: 'show-config duo',
    cells: { done: shown('history-and-config', 0), ...reads, ...etcdOnly },
  },
  switchover: {
    line: 'switchover duo --force',
    asks: 'switchover duo',
    unknownMember: 'switchover duo --candidate pg9 --force',
    withSilent: 'switchover duo --candidate pg1 --force',
    cells: {
      done: shown('switchover', 0),
      refused: shown('switchover-refused', 3),
      'already so': shown('switchover-already', 0),
    },
  },
  topology: {
    line: 'topology duo',
    cells: { done: shown('topology', 0), ...reads, ...silentIn('list-asks', 0) },
  },
  undrain: {
    line: 'undrain duo pg1 --no-wait',
    unknownMember: 'undrain duo pg9',
    withSilent: 'undrain duo pg1 --timeout 2',
    cells: {
      done: shown('drain', 0),
      refused: none('a drain can always be taken back'),
      'already so': shown('drain', 0),
    },
  },
  version: {
    line: 'version duo',
    unknownMember: 'version duo pg9',
    cells: { done: shown('version', 0), ...reads, ...silentIn('version', 7) },
  },
  wait: {
    line: 'wait duo --for leader',
    unknownCluster: 'wait nowhere --for leader --timeout 1',
    unknownMember: 'wait duo --for pg9=running --timeout 1',
    withSilent: 'wait duo --for pg1=streaming --timeout 1',
    cells: { done: shown('check', 0), ...reads },
  },
}

/** They speak to no cluster, or not as somebody who waits for an answer. */
export const WITHOUT_CLUSTER: Readonly<Record<string, string>> = {
  agent: 'it runs for months: test/cluster; its options: validate-config.test.ts, generate-config.test.ts',
  complete: 'it is silent whatever goes wrong: list.test.ts',
  completion: 'it prints a text: documents.test.ts',
  demo: 'it makes a cluster of its own: test/cluster',
  manual: 'it prints a text: documents.test.ts',
}

export function cellOf(row: Row, situation: Situation): Cell {
  return row.cells[situation] ?? { is: 'here' }
}
