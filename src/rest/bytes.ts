// The `lag` parameter of a health check: a size such as `16kB`, `10MB`, `0x100` or `1.5GB`, in bytes.

const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1024,
  MB: 1024 ** 2,
  GB: 1024 ** 3,
  TB: 1024 ** 4,
}

/** null when the text is no size: the caller then applies no limit, as Patroni does. Units are case sensitive. */
export function parseBytes(text: string): bigint | null {
  const match =
    /^\s*([+-]?)(0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)\s*$/.exec(
      text,
    )
  if (match === null) return null
  const [, sign = '', digits = '', unit = ''] = match
  const factor = unit === '' ? 1 : BYTES[unit]
  if (factor === undefined) return null
  const amount = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits)
  if (Number.isNaN(amount)) return null
  const bytes = roundHalfToEven(amount * factor)
  if (!Number.isFinite(bytes)) return null
  return BigInt(sign === '-' ? -bytes : bytes)
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
