// Contradictions in the local configuration: checked across keys, after each key has been read for itself.

import { formatAddress } from '../../model/address.ts'
import type { JsonObject } from '../../model/cluster/cluster.ts'
import { isPrintable } from '../../model/command/printable.ts'
import type { Problem, ProblemPlace } from '../../model/settings/problem.ts'
import { OTHER_STORES } from '../schema/general-sections.ts'
import type { LOCAL } from '../schema/schema.ts'
import { accounts } from './account-rules.ts'
import { at, type Values } from './check-document.ts'
import { exposedSecrets } from './exposed-secrets.ts'
import { isControlled } from './parameter-rules.ts'

export type LocalValues = Values<typeof LOCAL>

export interface Finding {
  readonly kind: 'error' | 'warning'
  readonly path: string
  readonly message: string
  readonly hint?: string
}

interface Findings {
  readonly errors: readonly Problem[]
  readonly warnings: readonly Problem[]
}

export function findContradictions(
  values: LocalValues,
  tree: JsonObject,
  placeOf: (path: string) => ProblemPlace | null,
): Findings {
  const findings = [
    ...names(values),
    ...otherStores(tree),
    ...restApi(values),
    ...addresses(values),
    ...accounts(values),
    ...exposedSecrets(values),
    ...localParameters(values),
    ...citus(values),
  ]
  const problems = (kind: Finding['kind']) =>
    findings
      .filter(finding => finding.kind === kind)
      .map(
        ({ path, message, hint }): Problem => ({ path, place: placeOf(path), message, hint: hint ?? null }),
      )
  return { errors: problems('error'), warnings: problems('warning') }
}

/** Patroni writes this word into synchronous_standby_names when there is no synchronous standby. */
const PLACEHOLDER = '__patroni_strict_sync_replica_placeholder__'

function* names({ given, read }: LocalValues): Iterable<Finding> {
  for (const path of ['name', 'scope'] as const) {
    if (!given(path)) continue
    const value = read(path)
    if (value.includes('/'))
      yield { kind: 'error', path, message: 'has a slash, which would break the keys in etcd' }
    if (!isPrintable(value)) yield { kind: 'error', path, message: 'has a control character' }
    if (value !== value.trim()) yield { kind: 'error', path, message: 'begins or ends with a blank' }
  }
  // PostgreSQL compares the names of standbys without regard to case.
  if (given('name') && read('name').toLowerCase() === PLACEHOLDER)
    yield { kind: 'error', path: 'name', message: 'is reserved' }
  if (read('namespace').replaceAll('/', '') === '')
    yield { kind: 'error', path: 'namespace', message: 'is empty' }
}

function* otherStores(tree: JsonObject): Iterable<Finding> {
  for (const store of OTHER_STORES) {
    if (at(tree, store) === undefined || at(tree, store) === null) continue
    const hint = 'Remove the section (and its variables), and configure etcd3.'
    yield {
      kind: 'error',
      path: store,
      message: `is not supported: hactl works with etcd, not with ${store}`,
      hint,
    }
  }
}

function* restApi({ read }: LocalValues): Iterable<Finding> {
  for (const section of ['restapi', 'ctl'] as const) {
    const [username, password] = [
      read(`${section}.authentication.username`),
      read(`${section}.authentication.password`),
    ]
    if ((username === null) === (password === null)) continue
    const [set, missing] = username === null ? ['password', 'username'] : ['username', 'password']
    const path = `${section}.authentication.${set}`
    yield {
      kind: 'error',
      path,
      message: `is set without a ${missing}`,
      hint: `Set ${section}.authentication.${missing} too.`,
    }
  }
  for (const [key, needs] of [
    ['restapi.keyfile', 'restapi.certfile'],
    ['restapi.cafile', 'restapi.certfile'],
    ['ctl.keyfile', 'ctl.certfile'],
  ] as const) {
    // ctl.cacert defaults to restapi.cafile, so a cafile alone may be meant for the client side.
    const kind = key === 'restapi.cafile' ? 'warning' : 'error'
    if (read(key) !== null && read(needs) === null)
      yield { kind, path: key, message: `is set without ${needs}` }
  }
  const verify = read('restapi.verify_client')
  if (verify === 'none') return
  const missing = (['restapi.certfile', 'restapi.cafile'] as const).filter(path => read(path) === null)
  if (missing.length === 0) return
  const message = `is ${verify}, but ${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} not set`
  yield { kind: 'error', path: 'restapi.verify_client', message }
}

/** An address that is published to others must be one that they can reach. */
function* addresses({ given, read }: LocalValues): Iterable<Finding> {
  const unset = read('postgresql.connect_address') === null
  if (unset && given('postgresql.listen') && ['*', '0.0.0.0'].includes(read('postgresql.listen').hosts)) {
    const [path, hint] = [
      'postgresql.connect_address',
      'Set postgresql.connect_address to the address of this node.',
    ]
    yield { kind: 'warning', path, message: 'is not set, so other members see localhost', hint }
  }
  for (const [path, behind] of [
    ['restapi.connect_address', 'restapi.listen'],
    ['postgresql.connect_address', null],
    ['postgresql.proxy_address', null],
  ] as const) {
    const own = read(path)
    const address = own ?? (behind !== null && given(behind) ? read(behind) : null)
    if (address === null || !['*', '0.0.0.0', '::'].includes(address.host)) continue
    const message =
      `is ${formatAddress(address)}${own === null ? ', taken from restapi.listen' : ''}: no ` +
      'address that others can reach'
    yield { kind: 'warning', path, message, hint: `Set ${path} to the address of this node.` }
  }
}

function* localParameters({ read }: LocalValues): Iterable<Finding> {
  for (const section of [
    'parameters',
    'parameters_primary',
    'parameters_replica',
    'parameters_standby_leader',
  ] as const) {
    for (const name of Object.keys(read(`postgresql.${section}`))) {
      if (!isControlled(name)) continue
      yield {
        kind: 'warning',
        path: `postgresql.${section}.${name}`,
        message:
          `is ignored here: only the dynamic configuration decides it; ${name} belongs under ` +
          'bootstrap.dcs.postgresql.parameters',
        hint: 'Change it in a running cluster with hactl edit-config.',
      }
    }
  }
}

/** The groups of a Citus cluster share a scope: without their own keys they would fight for one leader key. */
function* citus({ given }: LocalValues): Iterable<Finding> {
  if (!given('citus.group') || !given('citus.database')) return
  const message =
    'is not supported yet by this version of hactl: the groups would share the keys of one cluster'
  yield { kind: 'error', path: 'citus', message, hint: 'Remove the section, or run this node with Patroni.' }
}
