// The one table that says what a failed etcd call means and what to do about it (spec/ha.md 1.9, 8.1). No row means
// `refused` in the store's sense: only a failed compare does. Rows are tried in order, the first match wins.

export interface CallFailure {
  /** gRPC status code; null when the call never got as far as gRPC. */
  readonly code: number | null
  readonly details: string
}

export type Treatment =
  /** The endpoint is fine, the cluster is busy: the same call again, after a pause. */
  | 'retry-here'
  /** This endpoint did not answer, or cannot at the moment: the next one. */
  | 'other-endpoint'
  /** Our token is stale: log in, then the same call once more. Without permission that fails again: give up. */
  | 're-authenticate'
  /** etcd runs without authentication: go on without a token. */
  | 'without-token'
  | 'lease-gone'
  /** The revision asked for is no longer kept: read the range again. */
  | 'compacted'
  /** Another try within this operation changes nothing. */
  | 'give-up'
  /** User name or password are wrong: an operator has to act. */
  | 'fatal'

interface Row {
  readonly code?: number
  readonly text?: RegExp
  readonly treatment: Treatment
}

const TABLE: readonly Row[] = [
  // Texts that are clear whatever code they come with (a cancelled watch brings only a text).
  { text: /authentication failed, invalid user ID or password/, treatment: 'fatal' },
  { text: /authentication is not enabled/, treatment: 'without-token' },
  { text: /user name is empty/, treatment: 're-authenticate' },
  { text: /invalid auth token/, treatment: 're-authenticate' },
  { text: /revision of auth store is old/, treatment: 're-authenticate' },
  { text: /auth: (old|invalid) /, treatment: 're-authenticate' },
  { text: /permission denied/, treatment: 're-authenticate' },
  { text: /requested lease not found/, treatment: 'lease-gone' },
  { text: /required revision has been compacted/, treatment: 'compacted' },
  { text: /not a? ?primary lessor/, treatment: 'other-endpoint' },
  {
    text: /no leader|leader changed|request timed out|server stopped|not capable|unhealthy cluster/,
    treatment: 'other-endpoint',
  },
  { text: /database space exceeded/, treatment: 'give-up' },
  { text: /too many requests/, treatment: 'retry-here' },
  { text: /request is too large|message larger than max|duplicate key given/, treatment: 'give-up' },
  { text: /required revision is a future revision/, treatment: 'other-endpoint' },
  { code: 1, treatment: 'other-endpoint' },
  // UNKNOWN includes etcd's own `context deadline exceeded`: retryable, and the outcome of a write is unknown.
  { code: 2, treatment: 'other-endpoint' },
  { code: 3, treatment: 'give-up' },
  { code: 4, treatment: 'other-endpoint' },
  { code: 5, treatment: 'give-up' },
  { code: 6, treatment: 'give-up' },
  { code: 7, treatment: 're-authenticate' },
  { code: 8, treatment: 'retry-here' },
  { code: 9, treatment: 'retry-here' },
  { code: 10, treatment: 'other-endpoint' },
  { code: 11, treatment: 'other-endpoint' },
  { code: 12, treatment: 'give-up' },
  { code: 13, treatment: 'other-endpoint' },
  { code: 14, treatment: 'other-endpoint' },
  { code: 15, treatment: 'other-endpoint' },
  { code: 16, treatment: 're-authenticate' },
]

export function treatmentOf(failure: CallFailure): Treatment {
  for (const { code, text, treatment } of TABLE) {
    if (code !== undefined && code !== failure.code) continue
    if (text !== undefined && !text.test(failure.details)) continue
    return treatment
  }
  return 'other-endpoint'
}

/** Could a write that failed like this have been applied all the same? */
export function mayHaveBeenApplied(failure: CallFailure): boolean {
  const treatment = treatmentOf(failure)
  if (treatment !== 'other-endpoint' && treatment !== 'retry-here') return false
  return !/No connection established|ECONNREFUSED|Name resolution failed|not sent/.test(failure.details)
}

/** One line for logs and reasons, bounded, without line breaks. */
export function failureText(failure: CallFailure): string {
  const line = failure.details.replace(/\s+/g, ' ')
  // gRPC wraps the reason in a text of its own that contains the time.
  const reason =
    /^No connection established\. Last error: (?:Error: )?(.*?)(?: \([-\d:.TZ]+\))?\.? ?(?:Resolution note:.*)?$/.exec(
      line,
    )
  if (reason !== null) return `no connection: ${reason[1]?.slice(0, 200)}`
  const text = line.slice(0, 200)
  return failure.code === null ? text : `${text} (code ${failure.code})`
}
