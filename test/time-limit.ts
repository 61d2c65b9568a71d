// What a wait in a test throws when its time is up. The name is what the runner knows it by (bin/test-report.mjs): on a
// busy machine such a test may be run once more. Whatever else fails is a broken promise and is never run again.

export class TimeLimit extends Error {
  override readonly name = 'TimeLimit'
}
