// This node as its configuration describes it, in the rules' terms. It holds no secret.

import { keySpace } from '../dcs/etcd/key-space.ts'
import { slotName } from '../model/cluster/slot-name.ts'
import type { Self } from '../model/decision/snapshot.ts'
import type { AgentConfig, EffectivePostgresql, HostPort } from '../model/settings/config.ts'
import { isOpenApi, OPEN_API } from '../model/settings/open-api.ts'
import { apiUrlOf, connUrlOf } from '../wire/member-urls.ts'

/** Found out once, when the agent starts. */
export interface Identity {
  readonly host: string
  readonly apiIsHere: boolean
}

export function selfOf(config: AgentConfig, effective: EffectivePostgresql, identity: Identity): Self {
  const { postgresql, restapi } = config
  const url = (address: HostPort): string => connUrlOf(address, postgresql.database)
  return {
    name: config.name,
    connUrl: url(postgresql.connectAddress),
    apiUrl: apiUrlOf(restapi.connectAddress, restapi.tls === null ? 'http' : 'https'),
    proxyUrl: postgresql.proxyAddress === null ? null : url(postgresql.proxyAddress),
    slot: slotName(config.name),
    tags: config.tags,
    mayBootstrap: config.bootstrap !== null,
    useRewind: effective.useRewind,
    removeDataOnRewindFailure: effective.removeDataDirectoryOnRewindFailure,
    removeDataOnDivergedTimelines: effective.removeDataDirectoryOnDivergedTimelines,
    ...identity,
    store: 'etcd',
    watchdog: config.watchdog,
    ...(isOpenApi(restapi) ? { warnings: [OPEN_API.id] } : {}),
    keyPrefix: keySpace(config.namespace, config.scope).prefix,
  }
}
