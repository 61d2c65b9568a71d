// Removes passwords from texts that are about to be printed. This is the last line of defence: no text should contain
// one.

const MASK = '***'
const NAMES = /\b([\w-]*(?:password|passwd|secret|token|passphrase))\b(["']?\s*[=:]\s*)/gi
/** The text after the name: a quoted text, perhaps within another one, or everything up to the next separator. */
const VALUE = /^(?:''[^']*''|'(?:[^'\\]|\\.|'')*'?|"(?:[^"\\]|\\.)*"?|[^\s,;&)}\]]+)/
const URL_CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):[^\s"']*@/gi
const SQL_PASSWORD = /\b(PASSWORD\s+)E?'(?:[^'\\]|\\.|'')*'?/gi
const HEADER_CREDENTIALS = /\b(Basic|Bearer)\s+[\w+/.~=-]{8,}/g

/** `password=…`, `"token": "…"`, `scheme://user:…@host`, `Basic …` lose their secret. */
export function redact(text: string): string {
  return redactNamed(text)
    .replace(URL_CREDENTIALS, `$1:${MASK}@`)
    .replace(SQL_PASSWORD, `$1'${MASK}'`)
    .replace(HEADER_CREDENTIALS, `$1 ${MASK}`)
}

/** For named values: the name alone shows that the value is a secret. */
export function isSecretName(name: string): boolean {
  return /(?:password|passwd|secret|token|passphrase)$/i.test(name)
}

function redactNamed(text: string): string {
  let clean = ''
  let at = 0
  for (const match of text.matchAll(NAMES)) {
    if (match.index < at) continue
    const valueAt = match.index + match[0].length
    const value = VALUE.exec(text.slice(valueAt))?.[0]
    if (value === undefined) continue
    clean += text.slice(at, valueAt) + MASK
    at = valueAt + value.length
  }
  return clean + text.slice(at)
}
