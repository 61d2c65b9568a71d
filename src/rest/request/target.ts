// Reads the target of a request: the path, its first segment, which names an endpoint, and the query, where the first
// non-empty value of a key counts.

export interface Target {
  readonly path: string
  readonly segment: string
  readonly query: ReadonlyMap<string, string>
}

const NO_QUERY: ReadonlyMap<string, string> = new Map()

/** Never throws: any text that a client sends as a target reads as some path. */
export function parseTarget(url: string): Target {
  const local = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*/.exec(url)
  const rest = (local === null ? url : url.slice(local[0].length)).split('#', 1)[0] ?? ''
  const mark = rest.indexOf('?')
  const path = (mark === -1 ? rest : rest.slice(0, mark)).replace(/^\/+/, '/')
  const segment = path.replace(/^\//, '').split('/', 1)[0] ?? ''
  return {
    path: path === '' ? '/' : path,
    segment,
    query: mark === -1 ? NO_QUERY : parseQuery(rest.slice(mark + 1)),
  }
}

function parseQuery(text: string): ReadonlyMap<string, string> {
  const query = new Map<string, string>()
  for (const [key, value] of new URLSearchParams(text)) {
    if (value !== '' && !query.has(key)) query.set(key, value)
  }
  return query
}
