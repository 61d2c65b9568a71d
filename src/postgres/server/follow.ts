// A running standby gets another upstream: new recovery settings, and a reload.

import type { Upstream } from '../../model/cluster/peer.ts'
import type { StepOutcome } from '../../ports/postgres.ts'
import type { Context } from '../context.ts'
import { forgetSkippedTimelines } from '../wal/skipped-timelines.ts'
import { rewriteSettings } from '../write-settings.ts'

export async function follow(context: Context, upstream: Upstream | null): Promise<StepOutcome> {
  // If this node did not promote, the new upstream may have begun a timeline of that number.
  const forgotten = await forgetSkippedTimelines(context)
  if (!forgotten.ok) context.log('warning', forgotten.why)
  return await context.settingsWriters.run(() => rewriteSettings(context, 'standby', upstream, true))
}
