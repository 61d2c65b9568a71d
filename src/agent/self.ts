// This node as its configuration describes it, in the rules' terms. Holds no secret.

import { keySpace } from '../dcs/keys.ts'
import { formatAddress } from '../model/address.ts'
import type { AgentConfig, EffectivePostgresql, HostPort } from '../model/config.ts'
import { slotName } from '../model/slot-name.ts'
import type { Self } from '../model/snapshot.ts'

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
