// The account of a demo as people read it.

import type { DemoResult } from '../admin/demo/demo.ts'

export function demoText({ events, acknowledged, missing }: DemoResult): string {
  const width = Math.max(...events.map(({ event }) => event.length))
  const lines = events.map(
    ({ event, pauseMs, leaderBefore, leaderAfter }) =>
      `  ${event.padEnd(width)}  ${(pauseMs / 1000).toFixed(2).padStart(6)} s  ${leaderBefore} -> ${leaderAfter}`,
  )
  return `
longest pause between two acknowledged writes
${lines.join('\n')}
${acknowledged} rows were acknowledged, ${missing.length} of them are missing
`
}
