// What people read about a store: its name, a command to type there, and what an operator can do about one that answers but
// serves no requests, or that refuses connections. The agent's reasons and the errors of commands use the same words.
// There is one row for each store.

export type StoreKind = 'etcd'

interface StoreWords {
  readonly name: string
  /** A command that takes a key away, by its full name. */
  readonly deleteKey: (key: string) => string
  /**
   * `why`: the error of the store or of the connection; `keys`: the prefix of the cluster's keys. null: there is no
   * special hint.
   */
  readonly hint: (why: string, keys?: string) => string | null
  /** What to do when it cannot be reached, or refuses. */
  readonly remedy: (why: string) => string
  /** Only a change of the configuration, or of a file that it names, helps. */
  readonly isConfigurationFault: (text: string) => boolean
}

const KEYS_OF_A_CLUSTER = '/NAMESPACE/SCOPE/'

const STORES: Readonly<Record<StoreKind, StoreWords>> = {
  etcd: {
    name: 'etcd',
    deleteKey: key => `etcdctl del ${key}`,
    hint: etcdHint,
    remedy: etcdRemedy,
    isConfigurationFault: text => /\betcd3\.[a-z]+\b/.test(text),
  },
}

export function wordsOf(store: StoreKind): StoreWords {
  return STORES[store]
}

function etcdHint(why: string, keys: string = KEYS_OF_A_CLUSTER): string | null {
  if (/authentication failed/.test(why))
    return 'correct etcd3.username and etcd3.password, or PATRONI_ETCD3_USERNAME and PATRONI_ETCD3_PASSWORD.'
  if (/user name is empty/.test(why))
    return 'authentication is on in etcd: set etcd3.username and etcd3.password to a user with rights on the keys.'
  if (/permission denied \(code|etcdserver: permission denied/.test(why))
    return `give a role of the user etcd3.username the rights: etcdctl role grant-permission ROLE --prefix=true readwrite ${keys}`
  if (/database space exceeded/.test(why))
    return 'etcd takes no writes until there is space: etcdctl alarm list; then etcdctl compact, etcdctl defrag, and etcdctl alarm disarm.'
  return null
}

function etcdRemedy(why: string): string {
  if (/refuses connections$/.test(why) && !/does not answer/.test(why))
    return 'start etcd there, or correct etcd3.hosts or --dcs-url.'
  if (/Failed to connect|socket hang up/.test(why))
    return 'if etcd speaks TLS there, set etcd3.protocol to https.'
  return etcdHint(why) ?? 'check the etcd3 section or --dcs-url, and etcd itself: etcdctl endpoint status.'
}
