// The CLUSTER MEMBER… words and the --role option of the commands that act on members.

import { Args, Flags } from '@oclif/core'
import { MEMBER_ROLES } from '../admin/members/member-selection.ts'

export const MEMBER_ARGS = {
  // One argument of several words: oclif allows none that may be left out before them.
  cluster: Args.string({
    multiple: true,
    // Without this oclif takes a missing argument from a piped stdin: the next line of a script.
    ignoreStdin: true,
    description:
      "The cluster (without it the configuration's scope is taken), and after it the names of members if " +
      'not all are meant.',
  }),
}

export interface MemberWords {
  readonly cluster: string | undefined
  readonly names: readonly string[]
}

export function memberWords(words: readonly string[] | undefined): MemberWords {
  const [cluster, ...names] = words ?? []
  return { cluster, names: [...new Set(names)] }
}

export const roleFlag = Flags.option({
  char: 'r',
  options: MEMBER_ROLES,
  default: 'any',
  summary: 'Only members with this role.',
})

export const brokenCopyFlag = Flags.boolean({
  summary: 'Go on although another member is copying its data from one of them.',
})

export const forceFlag = Flags.boolean({
  aliases: ['yes'],
  summary: 'Do not ask. It never overrides a refusal.',
})
