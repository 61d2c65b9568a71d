// The cluster after a switchover, for the table: read until the member keys agree with what was seen of the former
// leader. Its agent publishes within a moment, and people would believe a table that contradicts the line above it.

import type { Result } from '../../model/command/failure.ts'
import type { Millis } from '../../model/units.ts'
import { deadlineIn, type Operator } from '../use-case.ts'
import type { HandoverReport } from './handover.ts'
import { type Survey, surveyCluster } from './survey.ts'

const LIMIT_MS: Millis = 2000
const LOOK_EVERY_MS: Millis = 200

export async function surveyAfter(operator: Operator, report: HandoverReport): Promise<Result<Survey>> {
  const deadline = deadlineIn(operator.clock, LIMIT_MS)
  for (;;) {
    const survey = await surveyCluster(operator, report.cluster, deadlineIn(operator.clock, LIMIT_MS))
    if (!survey.ok || agrees(survey.value, report) || deadline.leftMs() < LOOK_EVERY_MS) return survey
    await operator.clock.sleep(LOOK_EVERY_MS)
  }
}

function agrees({ view }: Survey, { formerLeader }: HandoverReport): boolean {
  if (formerLeader === null || !formerLeader.streaming) return true
  const member = view.members.find(({ name }) => name === formerLeader.name)
  return member === undefined || member.record.replicationState === 'streaming'
}
