// The configuration of a node on which all is as it should be.

import type { ConfigurationView } from '../src/model/settings/configuration-view.ts'

export const APPLIED: ConfigurationView = {
  wanted: 1,
  because: 'the agent started',
  applied: 1,
  applyingSinceMs: null,
  failure: null,
  refusedFile: null,
}
