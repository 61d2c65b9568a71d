// How the etcd adapter tells people what it does. Never given a secret.

import type { LogConfig } from '../model/settings/config.ts'

export type Log = (level: LogConfig['level'], text: string) => void
