// What an operator can do about an etcd that answers but serves no requests, or that refuses connections. The errors of
// commands and the agent's log use the same words.

const KEYS_OF_A_CLUSTER = '/NAMESPACE/SCOPE/'

/**
 * `why`: the error of etcd or of the connection; `keys`: the prefix of the cluster's keys. null: there is no special
 * hint.
 */
export function etcdHint(why: string, keys: string = KEYS_OF_A_CLUSTER): string | null {
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

/** Only a change of the configuration, or of a file that it names, helps. */
export function isConfigurationFault(text: string): boolean {
  return /\betcd3\.[a-z]+\b/.test(text)
}
