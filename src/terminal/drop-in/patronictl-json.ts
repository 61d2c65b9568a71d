// JSON on one line with the blanks and the ASCII escapes of Python's encoder: scripts compare patronictl's output as text.

import type { Json } from '../../model/cluster/cluster.ts'
import { isJsonArray } from '../../model/settings/values.ts'

export function pythonJson(value: Json): string {
  if (isJsonArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, item]) => `${asciiString(key)}: ${pythonJson(item)}`)
      .join(', ')}}`
  }
  return typeof value === 'string' ? asciiString(value) : JSON.stringify(value)
}

function asciiString(text: string): string {
  return JSON.stringify(text).replace(
    /[\u0080-\uffff]/g,
    unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
