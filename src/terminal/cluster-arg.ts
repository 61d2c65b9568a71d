// The CLUSTER argument that most commands share.

import { Args } from '@oclif/core'

export const CLUSTER_ARG = Args.string({
  // Without this oclif takes a missing argument from a piped stdin: the next line of a script.
  ignoreStdin: true,
  description: "The cluster; without it the configuration's scope is taken.",
})
