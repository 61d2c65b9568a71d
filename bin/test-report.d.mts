export interface Report {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly notes: readonly string[]
  readonly again: readonly { readonly file: string; readonly names: readonly string[] }[]
}
export function readReport(results: unknown, directory: string): Report
export function patternOf(names: readonly string[]): string
