// oclif's hook for an unknown command: an error like every other, with the names that may be meant.

import type { Hook } from '@oclif/core'
import { eitherOf, nearestNames } from '../model/command/nearest.ts'
import { endWith } from './command.ts'

/** Commands of patronictl, which must not be taken for typing errors. */
const STANDBY_CLUSTER = ['demote-cluster', 'promote-cluster']

export const unknownCommand: Hook.CommandNotFound = async ({ id, argv = [], config }) => {
  // Words after a command without arguments arrive as a part of its name.
  const [typed = '', ...more] = id.split(':')
  const { bin, commandIDs } = config
  const json = argv.includes('--json')
  if (commandIDs.includes(typed)) {
    const message = `unexpected argument: ${more.join(' ')}`
    return endWith(json, { kind: 'usage', message, hint: `see ${bin} ${typed} --help`, isLine: true })
  }
  if (STANDBY_CLUSTER.includes(typed)) {
    const reason = 'this version of hactl has no standby clusters'
    return endWith(json, { kind: 'refused', action: typed, reason, hint: 'nothing was changed.' })
  }
  const similar = nearestNames(typed, commandIDs).map(name => name.replaceAll(':', ' '))
  const message = `there is no ${typed.startsWith('-') ? 'option' : 'command'} ${typed}`
  const hint =
    similar.length > 0 ? `did you mean ${eitherOf(similar)}?` : `see ${bin} --help for all commands.`
  endWith(json, { kind: 'usage', message, hint, isLine: true })
}
