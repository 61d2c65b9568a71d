// What `hactl switchover` and `hactl failover` share: their options, and one call that does it all.

import { Flags } from '@oclif/core'
import { connect } from '../admin/connect.ts'
import { chooseCluster } from '../admin/use-case.ts'
import type { HandoverAction } from '../model/cluster/request.ts'
import type { Result } from '../model/command/failure.ts'
import { type HandoverFlags, handOver } from './ask/handover-dialogue.ts'
import { HactlCommand, memberFlag } from './command.ts'
import { isPatronictl } from './drop-in/drop-in.ts'
import { handOverAsPatronictl } from './drop-in/drop-in-handover.ts'

export const HANDOVER_FLAGS = {
  candidate: memberFlag({ summary: 'Who is to take over.' }),
  force: Flags.boolean({ aliases: ['yes'], summary: 'Do not ask. It never overrides a refusal.' }),
  'dry-run': Flags.boolean({ summary: 'Say who would win and why not the others; change nothing.' }),
  wait: Flags.boolean({
    allowNo: true,
    default: true,
    summary: 'Wait until the new leader accepts writes and the former one streams from it.',
  }),
  'accept-data-loss': Flags.boolean({ summary: 'Go on although acknowledged writes may be lost.' }),
  'accept-broken-copy': Flags.boolean({
    summary: 'Go on although a member is copying its data from the one that steps down.',
  }),
  replace: Flags.boolean({ summary: 'Take the place of a request that is pending or scheduled.' }),
}

export abstract class HandoverCommand extends HactlCommand {
  protected async handOver(
    action: HandoverAction,
    named: string | undefined,
    flags: HandoverFlags,
  ): Promise<void> {
    const connected = await connect(flags)
    if (!connected.ok) return this.fail(flags.json, connected.failure)
    const operator = connected.value
    const cluster = chooseCluster(operator, named)
    if (!cluster.ok) return this.fail(flags.json, cluster.failure)
    if (isPatronictl() && !flags.json && !flags['dry-run'])
      this.#end(flags, await handOverAsPatronictl(operator, action, cluster.value, flags))
    else this.#end(flags, await handOver(operator, action, cluster.value, flags))
  }

  #end<T>(flags: HandoverFlags, { result, text }: { result: Result<T>; text: (value: T) => string }): void {
    this.conclude(flags.json, result, text)
    // A member that never answered may still hold a connection open, but nothing waits for it any more.
    this.exit(Number(process.exitCode ?? 0))
  }
}
