// The account of a demo as people read it. Loaded only by the command that prints it.

import Table from 'cli-table3'
import type { DemoResult } from '../../admin/demo/demo.ts'

export function demoText({ events, acknowledged, missing }: DemoResult): string {
  const table = new Table({
    head: ['event', 'longest write pause', 'leader before', 'leader after'],
    colAligns: ['left', 'right', 'left', 'left'],
    // cli-table3 colours whatever the output is unless it is told not to.
    style: { head: [], border: [] },
  })
  for (const { event, pauseMs, leaderBefore, leaderAfter } of events) {
    table.push([event, `${(pauseMs / 1000).toFixed(2)} s`, leaderBefore, leaderAfter])
  }
  return `\n${table.toString()}\n${acknowledged} rows were acknowledged, ${missing.length} of them are missing\n`
}
