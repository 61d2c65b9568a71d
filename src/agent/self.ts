// This node as its configuration describes it, in the rules' terms. Holds no secret.

import { keySpace } from '../dcs/etcd/key-space.ts'
import { formatAddress } from '../model/address.ts'
import { slotName } from '../model/cluster/slot-name.ts'
import type { Self } from '../model/decision/snapshot.ts'
import type { AgentConfig, EffectivePostgresql, HostPort } from '../model/settings/config.ts'

/** Found out once, when the agent starts. */
export interface Identity {
  readonly host: string
  readonly apiIsHere: boolean
}

export function selfOf(config: AgentConfig, effective: EffectivePostgresql, identity: Identity): Self {
  const { postgresql, restapi } = config
  const protocol = restapi.tls === null ? 'http' : 'https'
  const url = (address: HostPort): string => `postgres://${formatAddress(address)}/${postgresql.database}`
  return {
    name: config.name,
    connUrl: url(postgresql.connectAddress),
    apiUrl: `${protocol}://${formatAddress(restapi.connectAddress)}/patroni`,
    proxyUrl: postgresql.proxyAddress === null ? null : url(postgresql.proxyAddress),
    slot: slotName(config.name),
    tags: config.tags,
    mayBootstrap: config.bootstrap !== null,
    useRewind: effective.useRewind,
    removeDataOnRewindFailure: effective.removeDataDirectoryOnRewindFailure,
    removeDataOnDivergedTimelines: effective.removeDataDirectoryOnDivergedTimelines,
    ...identity,
    keyPrefix: keySpace(config.namespace, config.scope).prefix,
  }
}
