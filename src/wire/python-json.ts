// JSON as Python writes it, in the REST API and where patronictl prints it: `", "` and `": "` between parts, everything
// outside printable ASCII escaped, WAL positions (bigint) as plain integers.

export type Encodable =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Encodable[]
  | { readonly [key: string]: Encodable | undefined }

/** Keys whose value is undefined are left out; numbers that JSON cannot express become null. */
export function encodeJson(value: Encodable): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return encodeText(value)
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null'
  if (isList(value)) return `[${value.map(encodeJson).join(', ')}]`
  const parts: string[] = []
  for (const [key, inner] of Object.entries(value)) {
    if (inner !== undefined) parts.push(`${encodeText(key)}: ${encodeJson(inner)}`)
  }
  return `{${parts.join(', ')}}`
}

function isList(value: object): value is readonly Encodable[] {
  return Array.isArray(value)
}

function encodeText(text: string): string {
  return JSON.stringify(text).replace(
    /[^ -~]/g,
    unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
