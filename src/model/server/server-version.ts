// Versions of PostgreSQL between text and number, as `server_version_num` counts: 15.4 is 150004; before version 10
// there were three parts, and 9.6.24 is 90624.

type ReadVersion =
  | { readonly ok: true; readonly number: number }
  /** The wrong number of parts, or parts that are no numbers. */
  | { readonly ok: false; readonly wrong: 'form' | 'digits' }

/** `X.Y` from version 10 on, or `X.Y.Z`. */
export function readServerVersion(text: string): ReadVersion {
  const parts = text.split('.').map(part => (/^\d{1,4}$/.test(part) ? Number(part) : Number.NaN))
  const [major = 0, minor = 0, patch = 0] = parts
  const isShort = parts.length === 2
  if (parts.length < 2 || parts.length > 3 || (isShort && major < 10)) return { ok: false, wrong: 'form' }
  if (parts.some(Number.isNaN)) return { ok: false, wrong: 'digits' }
  return { ok: true, number: major * 10_000 + (isShort ? minor : minor * 100 + patch) }
}

export function serverVersionText(number: number): string {
  const [major, rest] = [Math.floor(number / 10_000), number % 10_000]
  return major >= 10 ? `${major}.${rest}` : `${major}.${Math.floor(rest / 100)}.${rest % 100}`
}
