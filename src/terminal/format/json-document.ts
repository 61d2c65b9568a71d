// The encoder behind `--json`: one document, 2-space indent, WAL positions (bigint) as plain decimal numbers.

export function encodeJson(value: unknown): string {
  return encode(value, '')
}

function encode(value: unknown, indent: string): string {
  if (typeof value === 'bigint') return value.toString()
  if (value === null || typeof value !== 'object') return JSON.stringify(value ?? null)
  const inner = `${indent}  `
  const entries = Array.isArray(value)
    ? value.map(item => `${inner}${encode(item, inner)}`)
    : Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => `${inner}${JSON.stringify(key)}: ${encode(item, inner)}`)
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  return entries.length === 0 ? `${open}${close}` : `${open}\n${entries.join(',\n')}\n${indent}${close}`
}
