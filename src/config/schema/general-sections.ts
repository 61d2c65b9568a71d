// Settings that say who this node is and how it is reached: name and scope, etcd, REST API, the client of other
// members' REST API, tags, watchdog.

import {
  boolean,
  choice,
  integer,
  list,
  mapping,
  nonEmptyText,
  path,
  splitCommas,
  text,
  texts,
} from './leaf.ts'
import { hostPort } from './leaf-address.ts'
import { never, optional, required, setting } from './setting.ts'

const NO_THREADS = never('thread settings', 'hactl has no thread pool')

export const GENERAL = {
  scope: required(nonEmptyText(), {
    env: 'PATRONI_SCOPE',
    reloadable: false,
    about: 'Name of the cluster. Part of the etcd keys; also cluster_name of PostgreSQL.',
  }),
  namespace: setting(text(), 'service', {
    env: 'PATRONI_NAMESPACE',
    reloadable: false,
    about: 'First part of the etcd keys: /<namespace>/<scope>/…. Slashes at its ends do not matter.',
  }),
  name: required(nonEmptyText(), {
    env: 'PATRONI_NAME',
    reloadable: false,
    about: 'Name of this node, unique in its cluster.',
  }),
  thread_pool_size: setting(integer(), 5, {
    env: 'PATRONI_THREAD_POOL_SIZE',
    support: NO_THREADS,
    about: 'Not used.',
  }),
  thread_stack_size: setting(integer({ unit: 'B' }), 524_288, {
    env: 'PATRONI_THREAD_STACK_SIZE',
    support: NO_THREADS,
    about: 'Not used.',
  }),
  'hactl.state_directory': optional(path(), {
    env: 'HACTL_STATE_DIRECTORY',
    reloadable: false,
    shown: '<postgresql.data_dir>.hactl',
    about:
      'Where the journal of decisions and the records of the fencer are kept. Patroni ignores this section.',
  }),
  'hactl.verify_member_names': setting(boolean(), false, {
    env: 'HACTL_VERIFY_MEMBER_NAMES',
    about:
      'Agents that ask each other also check that a certificate names the host in the api_url; otherwise only its ' +
      'authority is checked. Commands always check both.',
  }),
} as const

export const ETCD = {
  'etcd3.host': optional(hostPort(2379), {
    env: 'PATRONI_ETCD3_HOST',
    reloadable: false,
    about: 'One etcd endpoint. One of url, hosts, host is needed; the first of them in this order counts.',
  }),
  'etcd3.hosts': optional(list(), {
    env: 'PATRONI_ETCD3_HOSTS',
    reloadable: false,
    about: 'Endpoints as host or host:port: a list, or one text with commas.',
  }),
  'etcd3.port': setting(integer({ min: 1, max: 65535 }), 2379, {
    env: 'PATRONI_ETCD3_PORT',
    reloadable: false,
    about: 'Port of those entries of hosts that name none.',
  }),
  'etcd3.url': optional(nonEmptyText(), {
    env: 'PATRONI_ETCD3_URL',
    secret: true,
    reloadable: false,
    about: 'http(s)://[user:password@]host[:port]; sets host, port, protocol, username and password.',
  }),
  'etcd3.protocol': setting(choice(['http', 'https']), 'http', {
    env: 'PATRONI_ETCD3_PROTOCOL',
    reloadable: false,
    about: 'https turns TLS on.',
  }),
  'etcd3.username': optional(text(), {
    env: 'PATRONI_ETCD3_USERNAME',
    reloadable: false,
    about: 'etcd user, when etcd asks for one.',
  }),
  'etcd3.password': optional(text(), {
    env: 'PATRONI_ETCD3_PASSWORD',
    secret: true,
    reloadable: false,
    about: 'Password of the etcd user.',
  }),
  'etcd3.cacert': optional(path(), {
    env: 'PATRONI_ETCD3_CACERT',
    reloadable: false,
    about: 'Certificate authority that etcd must be signed by (TLS).',
  }),
  'etcd3.cert': optional(path(), {
    env: 'PATRONI_ETCD3_CERT',
    reloadable: false,
    about: 'Client certificate (TLS).',
  }),
  'etcd3.key': optional(path(), {
    env: 'PATRONI_ETCD3_KEY',
    reloadable: false,
    about: 'Key of the client certificate; may be in the same file as the certificate.',
  }),
  'etcd3.use_proxies': setting(boolean(), false, {
    env: 'PATRONI_ETCD3_USE_PROXIES',
    reloadable: false,
    about: 'Accepted: hactl only ever talks to the endpoints that are listed.',
  }),
  'etcd3.srv': optional(nonEmptyText(), {
    env: 'PATRONI_ETCD3_SRV',
    reloadable: false,
    about: 'Refused in this version: list the endpoints under hosts.',
  }),
  'etcd3.srv_suffix': optional(nonEmptyText(), {
    env: 'PATRONI_ETCD3_SRV_SUFFIX',
    reloadable: false,
    about: 'Refused in this version, like srv.',
  }),
  'etcd3.proxy': optional(nonEmptyText(), {
    env: 'PATRONI_ETCD3_PROXY',
    secret: true,
    reloadable: false,
    about: 'Refused in this version: list the endpoints under hosts.',
  }),
} as const

export const RESTAPI = {
  'restapi.listen': required(hostPort(8008), {
    env: 'PATRONI_RESTAPI_LISTEN',
    about: 'Where the REST API listens.',
  }),
  'restapi.connect_address': optional(hostPort(8008), {
    env: 'PATRONI_RESTAPI_CONNECT_ADDRESS',
    shown: 'restapi.listen',
    about: 'How other members reach this REST API; published in the member key as api_url.',
  }),
  'restapi.authentication.username': optional(text(), {
    env: 'PATRONI_RESTAPI_USERNAME',
    about: 'User that may call the unsafe endpoints (POST, PUT, PATCH, DELETE). Needs the password too.',
  }),
  'restapi.authentication.password': optional(text(), {
    env: 'PATRONI_RESTAPI_PASSWORD',
    secret: true,
    about: 'Its password.',
  }),
  'restapi.certfile': optional(path(), {
    env: 'PATRONI_RESTAPI_CERTFILE',
    about: 'Server certificate; turns HTTPS on.',
  }),
  'restapi.keyfile': optional(path(), {
    env: 'PATRONI_RESTAPI_KEYFILE',
    about: 'Its key, when not in the same file.',
  }),
  'restapi.keyfile_password': optional(text(), {
    env: 'PATRONI_RESTAPI_KEYFILE_PASSWORD',
    secret: true,
    about: 'Password of the key.',
  }),
  'restapi.cafile': optional(path(), {
    env: 'PATRONI_RESTAPI_CAFILE',
    about: 'Authority that client certificates must be signed by.',
  }),
  'restapi.ciphers': optional(text(), {
    env: 'PATRONI_RESTAPI_CIPHERS',
    about: 'Permitted ciphers, in OpenSSL notation.',
  }),
  'restapi.verify_client': setting(choice(['none', 'optional', 'required'], { false: 'none' }), 'none', {
    env: 'PATRONI_RESTAPI_VERIFY_CLIENT',
    about: 'required: every call needs a client certificate. optional: only the unsafe ones.',
  }),
  'restapi.allowlist': setting(list(), [], {
    env: 'PATRONI_RESTAPI_ALLOWLIST',
    about:
      'Addresses, networks and host names that may call the unsafe endpoints; empty: all, but see allowlist_include_members.',
  }),
  'restapi.allowlist_include_members': setting(boolean(), false, {
    env: 'PATRONI_RESTAPI_ALLOWLIST_INCLUDE_MEMBERS',
    about:
      'Members of the cluster are on the list too. With an empty list, nobody else may change anything (POST /failsafe aside).',
  }),
  'restapi.http_extra_headers': setting(
    texts(),
    {},
    { env: 'PATRONI_RESTAPI_HTTP_EXTRA_HEADERS', about: 'Headers added to every answer.' },
  ),
  'restapi.https_extra_headers': setting(
    texts(),
    {},
    {
      env: 'PATRONI_RESTAPI_HTTPS_EXTRA_HEADERS',
      about: 'Headers added to every answer when TLS is on.',
    },
  ),
  'restapi.request_queue_size': setting(integer({ min: 0, max: 4096 }), 5, {
    env: 'PATRONI_RESTAPI_REQUEST_QUEUE_SIZE',
    reloadable: false,
    support: never('restapi.request_queue_size', 'the queue of the operating system is used'),
    about: 'Not used.',
  }),
  'restapi.thread_pool_size': setting(integer(), 5, { support: NO_THREADS, about: 'Not used.' }),
  'restapi.server_tokens': setting(choice(['original', 'minimal', 'productonly']), 'original', {
    env: 'PATRONI_RESTAPI_SERVER_TOKENS',
    about:
      'What the Server header says: hactl (original), Patroni with the version of the protocol (minimal), ' +
      'or only Patroni (productonly).',
  }),
} as const

export const CTL = {
  'ctl.authentication.username': optional(text(), {
    env: 'PATRONI_CTL_USERNAME',
    shown: 'that of restapi',
    about: 'User for calls to other members.',
  }),
  'ctl.authentication.password': optional(text(), {
    env: 'PATRONI_CTL_PASSWORD',
    shown: 'that of restapi',
    secret: true,
    about: 'Its password.',
  }),
  'ctl.insecure': setting(boolean(), false, {
    env: 'PATRONI_CTL_INSECURE',
    about:
      'Do not verify certificates of the REST API, and send its password over plain http even if this node has https.',
  }),
  'ctl.cacert': optional(path(), {
    env: 'PATRONI_CTL_CACERT',
    shown: 'restapi.cafile',
    about: 'Authority that the REST API must be signed by.',
  }),
  'ctl.certfile': optional(path(), { env: 'PATRONI_CTL_CERTFILE', about: 'Client certificate.' }),
  'ctl.keyfile': optional(path(), { env: 'PATRONI_CTL_KEYFILE', about: 'Its key.' }),
  'ctl.keyfile_password': optional(text(), {
    env: 'PATRONI_CTL_KEYFILE_PASSWORD',
    secret: true,
    about: 'Password of the key.',
  }),
} as const

export const NODE = {
  tags: setting(
    mapping('mapping; see "Tags" below'),
    {},
    { about: 'What other members and load balancers may know about this node.' },
  ),
  'watchdog.mode': setting(
    choice(['off', 'automatic', 'required'], {
      false: 'off',
      disable: 'off',
      disabled: 'off',
      auto: 'automatic',
      require: 'required',
    }),
    'automatic',
    {
      about:
        'Use of the Linux watchdog device, which resets the machine of a leader that is frozen. automatic: if it can be had; required: without it the node does not lead.',
    },
  ),
  'watchdog.device': setting(path(), '/dev/watchdog', { about: 'The device.' }),
  'watchdog.safety_margin': setting(integer({ min: -1 }), 5, {
    about:
      'Seconds before the end of the lease at which the machine is reset at the latest, counted as at least 3; -1: half of ttl.',
  }),
  'watchdog.driver': setting(choice(['default', 'testing']), 'default', {
    about: 'Kind of the device; testing: a FIFO, to which the timeout is written as text.',
  }),
} as const

/** Sections of other distributed stores, which hactl refuses. */
export const OTHER_STORES: readonly string[] = splitCommas('consul, zookeeper, exhibitor, kubernetes, raft')
