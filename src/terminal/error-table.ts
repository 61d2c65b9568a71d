// The one table of errors: for each kind of failure its exit code, its message (lower case, no full stop) and a hint
// that names the next command or flag. Commands print nothing else when they fail; tests compare the whole text.

import type { CandidateVerdict } from '../model/cluster/verdict.ts'
import type { Failure, GivenUp } from '../model/command/failure.ts'
import { eitherOf } from '../model/command/nearest.ts'
import { wordsOf } from '../model/store-words.ts'
import { isPatronictl } from './drop-in/drop-in.ts'
import { patronictlMessage } from './drop-in/drop-in-errors.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'

type Kind = Failure['kind']

/** The only one so far. */
const STORE = wordsOf('etcd')

interface Entry<K extends Kind> {
  readonly exit: ExitCode | ((failure: Extract<Failure, { readonly kind: K }>) => ExitCode)
  readonly message: (failure: Extract<Failure, { readonly kind: K }>) => string
  readonly hint: (failure: Extract<Failure, { readonly kind: K }>) => string
}

const ERRORS: { readonly [K in Kind]: Entry<K> } = {
  usage: { exit: EXIT.usage, message: f => f.message, hint: f => f.hint },
  configuration: {
    exit: EXIT.usage,
    message: f => `cannot use the configuration: ${f.problems.join('; ')}`,
    hint: f => f.remedy,
  },
  'no-cluster-named': {
    exit: EXIT.usage,
    message: () => 'no cluster was named',
    hint: () =>
      'name it as an argument, or give a configuration that has a scope (--config-file, PATRONI_SCOPE).',
  },
  'not-a-terminal': {
    exit: EXIT.usage,
    message: f => `cannot ask "${f.question}": stdin and stderr are not both a terminal`,
    hint: f => `give the answer with ${f.flags}.`,
  },
  declined: { exit: EXIT.refused, message: f => `aborted ${f.what}`, hint: () => 'nothing was changed.' },
  interrupted: {
    exit: EXIT.interrupted,
    message: f => (f.request === undefined ? 'interrupted' : `interrupted: ${fateOf(f.request, f.action)}`),
    hint: f =>
      f.hint ??
      (f.request === undefined ? 'nothing was requested.' : 'see hactl list for the state of the cluster.'),
  },
  'cluster-not-found': {
    exit: EXIT.notFound,
    message: f =>
      f.memberOf === undefined
        ? `cluster ${f.cluster} does not exist in etcd`
        : `${f.cluster} is a member of cluster ${f.memberOf}, not a cluster`,
    hint: f =>
      f.memberOf === undefined
        ? nearest(f.similar, 'check the name, the namespace and the etcd address.')
        : `name the cluster: ${f.memberOf}.`,
  },
  'member-not-found': {
    exit: EXIT.notFound,
    message: f => `member ${f.member} does not exist in cluster ${f.cluster}`,
    hint: f =>
      f.similar.length > 0
        ? nearest(f.similar, '')
        : `members are ${f.known.join(', ') || 'none at the moment'}.`,
  },
  'config-missing': {
    exit: EXIT.notFound,
    message: f => `the config key does not exist in cluster ${f.cluster}`,
    hint: () => 'the first agent writes it when it bootstraps the cluster; see hactl list.',
  },
  'no-leader': {
    exit: EXIT.refused,
    message: f => `cluster ${f.cluster} has no leader${f.why}`,
    hint: f => `without a leader use: hactl failover ${f.cluster} --candidate MEMBER`,
  },
  'not-the-leader': {
    exit: EXIT.refused,
    message: f => `member ${f.member} is not the leader of cluster ${f.cluster}`,
    hint: f => `the leader is ${f.leader}; leave out --leader to take the current leader.`,
  },
  refused: { exit: EXIT.refused, message: f => `${f.action} refused: ${f.reason}`, hint: f => f.hint },
  'no-good-candidate': {
    exit: EXIT.refused,
    message: f =>
      `${f.action} refused: no member of cluster ${f.cluster} can take over${objections(f.verdicts)}`,
    hint: f => `see hactl ${f.action} ${f.cluster} --dry-run for the numbers.`,
  },
  'config-invalid': {
    exit: EXIT.refused,
    message: f => `the new configuration is not valid: ${f.problems.join('; ')}`,
    hint: f => (f.isDocument ? 'correct it, or store it all the same with --force-invalid.' : 'correct it.'),
  },
  conflict: { exit: EXIT.conflict, message: f => f.what, hint: f => f.hint },
  'timed-out': {
    exit: EXIT.timedOut,
    message: f =>
      `${f.action} did not end within ${f.seconds} s: ${fateOf(f.request, f.action)}; ${f.lastSeen}`,
    hint: f =>
      f.request.kind === 'withdrawn'
        ? 'hactl list shows whether the agent of the leader answers; its log says why it did not begin.'
        : 'see hactl list for the outcome; allow more time with --timeout.',
  },
  unfinished: { exit: EXIT.timedOut, message: f => f.what, hint: f => f.hint },
  'partly-done': {
    exit: EXIT.partlyDone,
    message: f => `${f.done}, but ${f.missing}`,
    hint: f => f.hint,
  },
  'store-unreachable': {
    exit: f => (STORE.isConfigurationFault(f.why) ? EXIT.usage : EXIT.storeUnreachable),
    message: f =>
      f.mayBeDone == null
        ? `${whatOfStore(f.why)}: ${f.why.replace(/^\S+ did not answer within \d+ ms: /, '')}`
        : `${f.mayBeDone.what}: ${f.why}`,
    hint: f =>
      f.mayBeDone == null ? hintOnStore(f.why) : `look at it with ${f.mayBeDone.look} before you try again.`,
  },
  'member-unreachable': {
    exit: EXIT.memberUnreachable,
    message: f => `member ${f.member} cannot be reached: ${f.why}`,
    hint: () => 'check that its agent runs and that its REST API can be reached from here.',
  },
  'data-loss': {
    exit: EXIT.dataLoss,
    message: f =>
      `${f.action} to ${f.candidate} would lose ${f.lostBytes === null ? 'data' : `${f.lostBytes} bytes of WAL`}: ${f.why}`,
    hint: f =>
      `choose another candidate (hactl ${f.action} --dry-run), or accept the loss with --accept-data-loss.`,
  },
  'sql-error': {
    exit: EXIT.refused,
    message: f => `PostgreSQL of ${f.member} says: ${f.why} (SQLSTATE ${f.sqlstate})`,
    hint: f =>
      f.sqlstate.startsWith('28')
        ? 'give --username and PGPASSWORD, a password file, or --password.'
        : f.sqlstate === '3D000'
          ? 'name an existing database with --dbname.'
          : 'correct the SQL.',
  },
  'query-interrupted': {
    exit: EXIT.interrupted,
    message: f =>
      `interrupted: PostgreSQL of ${f.member} ` +
      `${f.cancelled ? 'has cancelled the statement' : 'was asked to cancel the statement, and has not confirmed it'}`,
    hint: f =>
      f.cancelled ? 'everything that it had not committed is rolled back.' : 'see pg_stat_activity there.',
  },
  'query-late': {
    exit: EXIT.timedOut,
    message: f => `PostgreSQL of ${f.member} gave no answer: ${f.why}`,
    hint: () => 'the statement may still be running; allow more time with --timeout.',
  },
  'no-connection': {
    exit: EXIT.memberUnreachable,
    message: f => `no connection is available: ${f.members}`,
    hint: () => 'see hactl list, or name another member with --member.',
  },
  'drained-but-leads': {
    exit: f => (f.cause.kind === 'interrupted' ? EXIT.interrupted : EXIT.partlyDone),
    message: f =>
      f.cause.kind === 'interrupted'
        ? `${describeFailure(f.cause).message}; ${f.member} is drained all the same`
        : `${f.member} is drained, but still leads: ${describeFailure(f.cause).message}`,
    hint: f =>
      `hactl switchover ${f.cluster} hands over; hactl undrain ${f.cluster} ${f.member} takes the drain back.`,
  },
  unhealthy: {
    exit: f => (f.serves ? EXIT.partlyDone : EXIT.refused),
    message: f =>
      `cluster ${f.cluster} ${serving(f.serves)}: ${f.findings} ${f.findings === 1 ? 'finding' : 'findings'}`,
    hint: f => `see hactl list ${f.cluster}.`,
  },
  'not-reached': {
    exit: EXIT.timedOut,
    message: f => `not reached within ${f.seconds} s: ${f.missing}`,
    hint: f => `see hactl list ${f.cluster}; allow more time with --timeout.`,
  },
  patronictl: { exit: EXIT.refused, message: f => f.message, hint: () => '' },
  editor: {
    exit: EXIT.usage,
    message: f => f.why,
    hint: () => 'set EDITOR to an existing program, or use --set, --apply or --replace.',
  },
}

export interface ShownError {
  readonly kind: string
  readonly message: string
  readonly hint: string
  readonly exit: ExitCode
}

/** The word that scripts read in --json. */
function codeOf({ kind }: Failure): string {
  return kind === 'store-unreachable' ? `${STORE.name}-unreachable` : kind
}

export function describeFailure(failure: Failure): ShownError {
  // The table is exhaustive by its type; the compiler cannot follow the pairing of key and argument.
  const entry = ERRORS[failure.kind] as Entry<Kind>
  return {
    kind: codeOf(failure),
    message: (isPatronictl() ? patronictlMessage(failure) : null) ?? entry.message(failure as never),
    hint: entry.hint(failure as never),
    exit: typeof entry.exit === 'function' ? entry.exit(failure as never) : entry.exit,
  }
}

/** Two lines for stderr. */
export function errorText(shown: ShownError): string {
  if (isPatronictl()) return patronictlErrorText(shown)
  return `error: ${shown.message}\n${shown.hint === '' ? '' : `HINT: ${shown.hint}\n`}`
}

function patronictlErrorText({ kind, message, hint }: ShownError): string {
  if (kind === 'interrupted' && message === 'interrupted') return '\nAborted!\n'
  const capitalised = message.replace(/^./, first => first.toUpperCase())
  return `Error: ${capitalised}\n${hint === '' || kind === 'declined' ? '' : `HINT: ${hint}\n`}`
}

function serving(serves: boolean | null): string {
  if (serves === null) return 'is not known to accept writes'
  return serves ? 'accepts writes, but is not healthy' : 'accepts no writes'
}

function whatOfStore(why: string): string {
  if (STORE.isConfigurationFault(why)) return 'cannot use the configuration'
  return STORE.hint(why) === null ? `${STORE.name} cannot be reached` : `${STORE.name} answers, but refuses`
}

function hintOnStore(why: string): string {
  return STORE.isConfigurationFault(why) ? 'correct that key, or the file that it names.' : STORE.remedy(why)
}

/** An operator has to know whether the request may still be carried out. */
function fateOf(request: GivenUp, action = 'request'): string {
  switch (request.kind) {
    case 'withdrawn':
      return 'nobody had begun it, and the request was withdrawn'
    case 'begun':
      return `${request.by} has begun it, and it goes on`
    case 'stored':
      return request.what
    case 'gone':
      return `the request is no longer in etcd, so that the ${action} is over, or about to be`
    case 'unknown': {
      const until = request.untilMs === null ? '' : ` until ${new Date(request.untilMs).toISOString()}`
      return `the request could not be withdrawn (${request.why}), and may still be carried out${until}`
    }
    default:
      return request satisfies never
  }
}

function nearest(similar: readonly string[], otherwise: string): string {
  return similar.length === 0 ? otherwise : `did you mean ${eitherOf(similar)}?`
}

function objections(verdicts: readonly CandidateVerdict[]): string {
  if (verdicts.length === 0) return ' (it has no other member)'
  return `: ${verdicts.map(verdict => `${verdict.name}: ${verdict.reason}`).join('; ')}`
}
