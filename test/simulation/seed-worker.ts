// A thread of run.ts: runs the seeds that it is sent and answers with their tally.

import { parentPort } from 'node:worker_threads'
import { type Seeds, tallyOf } from './tally.ts'

parentPort?.on('message', (seeds: Seeds) => {
  void tallyOf(seeds).then(tally => parentPort?.postMessage(tally))
})
