// The findings of `hactl agent --validate-config`, as lines for people and as a document for programs.

import type { JsonObject } from '../../model/cluster/cluster.ts'
import { formatProblem, type Problem } from '../../model/settings/problem.ts'

interface Findings {
  readonly errors: readonly Problem[]
  readonly warnings: readonly Problem[]
  readonly merged: JsonObject | null
}

/** One line each, as the agent's own log has them; errors first. */
export function findingLines({ errors, warnings }: Findings): readonly string[] {
  return [
    ...errors.map(error => `error: ${formatProblem(error)}`),
    ...warnings.map(warning => `warning: ${formatProblem(warning)}`),
  ]
}

/** `configuration` only on request. */
export function findingsDocument(findings: Findings, withConfiguration: boolean) {
  const { errors, warnings, merged } = findings
  const ok = errors.length === 0
  const message = `${errors.length} ${errors.length === 1 ? 'error' : 'errors'} in the configuration`
  return {
    ok,
    error: ok ? null : { kind: 'configuration', message, hint: 'mend what errors names.', exitCode: INVALID },
    errors,
    warnings,
    configuration: withConfiguration ? merged : null,
  }
}

/** Patroni's code; the agent itself ends with 2 on such a file. */
export const INVALID = 1
