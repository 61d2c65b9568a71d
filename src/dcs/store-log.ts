// The etcd adapter's log for people. It never gets a secret.

import type { LogConfig } from '../model/settings/config.ts'

export type Log = (level: LogConfig['level'], text: string) => void
