// The progress of a copy in a few words: `pg1: copies from pg0, 1.2 of 3.4 GiB (35 %), 120 MiB/s`.

import type { CopyProgress } from '../../admin/members/follow-copy.ts'
import { bytesText, formatLsn } from '../../model/units.ts'

export function copyText({ member, state, work, bytesPerSecond, replayed }: CopyProgress): string {
  if (work === null || work.bytesDone === null) {
    const phase = work?.phase == null ? '' : `, ${work.phase}`
    const at = state === 'running' && replayed !== null ? `, replayed to ${formatLsn(replayed)}` : ''
    return `${member}: ${state}${phase}${at}`
  }
  const from = work.source === null ? '' : ` from ${work.source}`
  const total = work.bytesTotal
  const percent =
    total === null || total <= 0 ? '' : ` (${Math.min(100, Math.floor((work.bytesDone / total) * 100))} %)`
  const of = total === null ? '' : ` of ${bytesText(total)}`
  const rate =
    bytesPerSecond === null || bytesPerSecond <= 0 || work.bytesDone === total
      ? ''
      : `, ${bytesText(bytesPerSecond)}/s`
  return `${member}: copies${from}, ${bytesText(work.bytesDone)}${of}${percent}${rate}`
}
