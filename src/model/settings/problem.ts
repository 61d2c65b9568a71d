// What is wrong with a configuration, as data: the agent logs it, `hactl config` prints it, `--json` carries it. One
// shape serves errors and warnings, which are in separate lists. It never holds a secret.

export interface Problem {
  /** Dotted path of the key, e.g. `postgresql.listen`; null when the document as a whole is meant. */
  readonly path: string | null
  readonly place: ProblemPlace | null
  /** Lower case, no full stop: what is wrong. */
  readonly message: string
  /** One sentence: what to do. */
  readonly hint: string | null
}

export type ProblemPlace =
  | { readonly kind: 'file'; readonly file: string; readonly line: number | null }
  | { readonly kind: 'environment'; readonly name: string }
  /** The dynamic configuration, in etcd or about to go there. */
  | { readonly kind: 'dynamic' }

/** `/etc/hactl/hactl.yml:12: postgresql.listen: is missing. HINT: …`, one line. */
export function formatProblem(problem: Problem): string {
  const place = problem.place === null ? '' : `${formatPlace(problem.place)}: `
  const path = problem.path === null ? '' : `${problem.path}: `
  const hint = problem.hint === null ? '' : `. HINT: ${problem.hint}`
  return `${place}${path}${problem.message}${hint}`
}

export function formatPlace(place: ProblemPlace): string {
  switch (place.kind) {
    case 'file':
      return place.line === null ? place.file : `${place.file}:${place.line}`
    case 'environment':
      return `environment variable ${place.name}`
    case 'dynamic':
      return 'dynamic configuration'
    default:
      return place satisfies never
  }
}
