// The CLUSTER argument that most commands share.

import { Args } from '@oclif/core'

export const CLUSTER_ARG = Args.string({
  description: "The cluster; without it the configuration's scope is taken.",
})
