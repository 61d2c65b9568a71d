// The `etcd3` section: url before hosts before host, as Patroni reads it. The section `etcd` (API v2, which etcd itself
// has dropped) is read as if it were etcd3.

import { isIPv6 } from 'node:net'
import { bareHost, isLoopback } from '../model/address.ts'
import type { JsonObject } from '../model/cluster/cluster.ts'
import type { EtcdConfig, HostPort } from '../model/settings/config.ts'
import type { Problem, ProblemPlace } from '../model/settings/problem.ts'
import type { Values } from './checks/check-document.ts'
import type { ETCD } from './schema/general-sections.ts'
import type { Parsed } from './schema/leaf.ts'
import { parseHostPort, readPort } from './schema/leaf-address.ts'
import type { Source } from './sources/config-files.ts'

interface EtcdResult {
  /** null: see errors. */
  readonly etcd: EtcdConfig | null
  readonly errors: readonly Problem[]
  readonly warnings: readonly Problem[]
}

type PlaceOf = (path: string) => ProblemPlace | null

export function readEtcd(values: Values<typeof ETCD>, placeOf: PlaceOf): EtcdResult {
  const errors: Problem[] = []
  const warnings: Problem[] = []
  const refuse = (path: string, message: string, hint: string | null = null) =>
    errors.push({ path, place: placeOf(path), message, hint })

  for (const path of ['etcd3.srv', 'etcd3.srv_suffix', 'etcd3.proxy'] as const) {
    if (values.given(path))
      refuse(path, 'is not supported yet by this version of hactl', 'List the endpoints under etcd3.hosts.')
  }
  const url = values.given('etcd3.url') ? readUrl(values.read('etcd3.url') ?? '') : null
  if (url !== null && !url.ok) refuse('etcd3.url', url.message)
  const endpoints = url?.ok ? [url.value.endpoint] : readHosts(values, refuse)
  const username = (url?.ok ? url.value.username : null) ?? values.read('etcd3.username')
  const password = (url?.ok ? url.value.password : null) ?? values.read('etcd3.password')
  if (username !== null && password === null)
    refuse('etcd3.username', 'is set without a password', 'Set etcd3.password too.')
  if (username === null && password !== null)
    refuse('etcd3.password', 'is set without a username', 'Set etcd3.username too.')

  const https = url?.ok ? url.value.https : values.read('etcd3.protocol') === 'https'
  const tls = {
    ca: values.read('etcd3.cacert'),
    cert: values.read('etcd3.cert'),
    key: values.read('etcd3.key'),
  }
  if (tls.key !== null && tls.cert === null)
    refuse('etcd3.key', 'is set without a certificate', 'Set etcd3.cert too.')
  if (!https && (tls.ca ?? tls.cert) !== null) {
    const path = tls.ca !== null ? 'etcd3.cacert' : 'etcd3.cert'
    const hint = 'Set etcd3.protocol: https to use TLS.'
    warnings.push({
      path,
      place: placeOf(path),
      message: 'has no effect, because the protocol is http',
      hint,
    })
  }
  if (!https && username !== null && !endpoints.every(({ host }) => isLoopback(host)))
    warnings.push({
      path: 'etcd3.username',
      place: placeOf('etcd3.username'),
      message: 'and its password go to etcd in clear text, because the protocol is http',
      hint: 'Set etcd3.protocol to https, and etcd3.cacert.',
    })
  if (errors.length > 0 || endpoints.length === 0) return { etcd: null, errors, warnings }
  const credentials = username === null || password === null ? null : { username, password }
  return { etcd: { endpoints, tls: https ? tls : null, credentials }, errors, warnings }
}

function readHosts(
  values: Values<typeof ETCD>,
  refuse: (path: string, message: string, hint?: string | null) => void,
): readonly HostPort[] {
  const hosts = values.read('etcd3.hosts')
  if (hosts === null) {
    const host = values.read('etcd3.host')
    return host === null ? [] : [host]
  }
  if (hosts.length === 0) refuse('etcd3.hosts', 'is empty')
  const parsed = hosts.map(host => ({ host, result: parseHostPort(host, values.read('etcd3.port')) }))
  for (const { host, result } of parsed) {
    if (!result.ok)
      refuse(
        'etcd3.hosts',
        `${JSON.stringify(host)} ${result.message}`,
        'Expected: host or host:port; IPv6 as [::1]:2379.',
      )
  }
  return parsed.flatMap(({ result }) => (result.ok ? [result.value] : []))
}

interface EtcdUrl {
  readonly endpoint: HostPort
  readonly https: boolean
  readonly username: string | null
  readonly password: string | null
}

function readUrl(text: string): Parsed<EtcdUrl> {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || url.hostname === '') return { ok: false, message: 'is not a URL like http://host:2379' }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return { ok: false, message: 'is neither an http nor an https URL' }
  const host = bareHost(url.hostname)
  // URL drops the default port of its scheme, which for etcd is not 2379.
  const written = /:(\d+)(?:[/?#]|$)/.exec(
    text
      .slice(text.indexOf('://') + 3)
      .replace(/^.*@/, '')
      .replace(/^\[.*\]/, ''),
  )
  const port = written?.[1] === undefined ? 2379 : readPort(written[1])
  if (port === null || (host.includes(':') && !isIPv6(host)))
    return { ok: false, message: 'has no usable host and port' }
  const credential = (part: string) => (part === '' ? null : decodeURIComponent(part))
  const value = {
    endpoint: { host, port },
    https: url.protocol === 'https:',
    username: credential(url.username),
    password: credential(url.password),
  }
  return { ok: true, value }
}

/** Moves a section `etcd` to `etcd3`, with its places, and warns once. With both, etcd3 counts. */
export function adoptEtcdV2(source: Source): Source {
  const { etcd, ...rest } = source.tree
  if (etcd === undefined || etcd === null) return source
  const place = source.places.get('etcd') ?? firstPlaceBelow(source, 'etcd.')
  const both = rest.etcd3 !== undefined && rest.etcd3 !== null
  const message = both
    ? 'is ignored: the section etcd3 counts'
    : 'is read as etcd3: hactl speaks only version 3 of the etcd API'
  const warning: Problem = {
    path: 'etcd',
    place,
    message,
    hint: both ? 'Remove it.' : 'Rename the section to etcd3.',
  }
  const tree: JsonObject = both ? rest : { ...rest, etcd3: etcd }
  const moved = [...source.places].flatMap(([path, at]) =>
    /^etcd(?:\.|$)/.test(path) && !both ? [[path.replace(/^etcd/, 'etcd3'), at] as const] : [],
  )
  return {
    ...source,
    tree,
    places: new Map([...source.places, ...moved]),
    warnings: [...source.warnings, warning],
  }
}

function firstPlaceBelow(source: Source, prefix: string): ProblemPlace | null {
  for (const [path, place] of source.places) if (path.startsWith(prefix)) return place
  return null
}
