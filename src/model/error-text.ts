// A thrown value as text: in JavaScript it may be of any type. A system error also has a code.

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** `ENOENT` and its like; null: it is no system error. */
export function errorCode(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : null
  return typeof code === 'string' ? code : null
}

/** The code says more in less room, where there is one. */
export function codeOrText(error: unknown): string {
  return errorCode(error) ?? errorText(error)
}
