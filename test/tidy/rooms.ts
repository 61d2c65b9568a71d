// Who may import whom (design: data flows down the list of rooms, imports point upward to model and ports).

import { posix } from 'node:path'
import { place, type Source } from './source.ts'

interface Room {
  /** Rooms it may import besides itself. */
  readonly imports: readonly string[]
  /** May it use npm packages and Node's own modules? Rooms without meet the world only through ports. */
  readonly libraries: boolean
  readonly why: string
}

const pure = 'it computes from what it is given: no clock, no I/O'
const overPorts = 'it meets the world only through ports'
const adapter = 'an adapter imports model, ports and libraries, never another adapter and never decide'

const adapterRoom: Room = { imports: ['model', 'wire', 'ports'], libraries: true, why: adapter }

export const rooms: Readonly<Record<string, Room>> = {
  model: { imports: [], libraries: false, why: pure },
  ports: { imports: ['model'], libraries: false, why: 'a port is an interface in words of the model' },
  wire: { imports: ['model'], libraries: false, why: pure },
  judge: { imports: ['model', 'wire'], libraries: false, why: pure },
  decide: { imports: ['model', 'wire', 'judge'], libraries: false, why: pure },
  observe: { imports: ['model', 'wire', 'ports'], libraries: false, why: overPorts },
  act: { imports: ['model', 'wire', 'ports'], libraries: false, why: overPorts },
  admin: { imports: ['model', 'wire', 'judge', 'ports'], libraries: false, why: overPorts },
  // It plays the user who starts servers, breaks them and looks, so it meets the world as a user does.
  'admin/demo': {
    imports: ['model', 'wire', 'ports', 'admin', 'system', 'dcs'],
    libraries: true,
    why: 'it starts and breaks a cluster from outside, and knows nothing of how an agent decides',
  },
  // The one HTTP client is in system.
  dcs: { ...adapterRoom, imports: ['model', 'wire', 'ports', 'system'] },
  peers: { ...adapterRoom, imports: ['model', 'wire', 'ports', 'system'] },
  rest: { ...adapterRoom, imports: ['model', 'wire', 'judge', 'ports'] },
  journal: adapterRoom,
  // Logging in as libpq does is written once, in system.
  sql: { ...adapterRoom, imports: ['model', 'wire', 'ports', 'system'] },
  system: adapterRoom,
  // Starting programs and reading /proc is written once, in system.
  postgres: { ...adapterRoom, imports: ['model', 'wire', 'ports', 'system'] },
  fencer: { ...adapterRoom, imports: ['model', 'wire', 'ports', 'system'] },
  config: {
    imports: ['model', 'wire'],
    libraries: true,
    why: 'it turns YAML and environment into the model',
  },
  terminal: {
    imports: ['model', 'wire', 'judge', 'ports', 'admin', 'admin/demo'],
    libraries: true,
    why: 'it shows what admin and the model say',
  },
  agent: {
    imports: [
      'model',
      'wire',
      'judge',
      'ports',
      'decide',
      'observe',
      'act',
      'dcs',
      'peers',
      'rest',
      'journal',
      'system',
      'postgres',
      'fencer',
      'config',
    ],
    libraries: true,
    why: 'it wires the agent together, and knows nothing of commands and terminals',
  },
  // It looks at a machine as the agent will when it starts.
  setup: {
    imports: [
      'model',
      'wire',
      'ports',
      'config',
      'postgres',
      'system',
      'agent/start-up.ts',
      'agent/dynamic-config.ts',
    ],
    libraries: true,
    why: 'it reads a machine and a configuration before there is an agent, and prints nothing',
  },
  commands: {
    imports: ['model', 'wire', 'admin', 'admin/demo', 'setup', 'terminal', 'config', 'agent/agent.ts'],
    libraries: true,
    why: 'a command parses, calls one use case and prints its result',
  },
  'commands.ts': {
    imports: ['commands'],
    libraries: true,
    why: 'it is the map of commands and nothing else',
  },
}

/**
 * Single files that may do more than their room, because something has to: operator commands need a place where ports
 * and adapters are put together, as the agent's wiring is for the agent.
 */
const wiring: Readonly<Record<string, Room>> = {
  'src/admin/connect.ts': {
    imports: ['model', 'wire', 'ports', 'config', 'dcs', 'peers', 'system'],
    libraries: true,
    why: 'it connects operator commands with the store and the members, and nothing else',
  },
  // Pure computation, as all of model: the compiler sees it without Node's types, too.
  'src/model/command/nearest.ts': {
    imports: [],
    libraries: true,
    why: 'it compares two names with fastest-levenshtein, and nothing else',
  },
  'src/admin/connect-sql.ts': {
    imports: ['ports', 'sql'],
    libraries: false,
    why: 'it gives `hactl query` its adapter, which no other command loads',
  },
}

/** `src/act/act.ts` is in `act`, `commands/list.ts` in `commands`, `src/commands.ts` and the demo in rooms of their own. */
export function roomOf(path: string): string {
  if (path.startsWith('src/admin/demo/')) return 'admin/demo'
  const [first = '', second = ''] = path.split('/')
  return first === 'src' ? second : first
}

export function forbiddenImports(source: Source): string[] {
  const name = roomOf(source.path)
  const room = wiring[source.path] ?? rooms[name]
  if (room === undefined) return [`${source.path}: ${name} is not a room of test/tidy/rooms.ts`]
  return source.imports.flatMap(({ specifier, start }) => {
    const where = place(source, start)
    if (!specifier.startsWith('.')) {
      return room.libraries ? [] : [`${where}: ${name} must not import ${specifier}: ${room.why}`]
    }
    if (!specifier.endsWith('.ts')) return [`${where}: write the ending .ts in ${specifier}`]
    const target = posix.join(posix.dirname(source.path), specifier)
    const allowed = [name, ...room.imports]
    if (allowed.includes(roomOf(target)) || allowed.includes(target.replace(/^src\//, ''))) return []
    return [`${where}: ${name} must not import ${target}: ${room.why}`]
  })
}

/** Files that no chain of imports from the roots reaches. */
export function deadFiles(sources: readonly Source[], roots: readonly string[]): string[] {
  const byPath = new Map(sources.map(source => [source.path, source]))
  const missing = roots.filter(root => !byPath.has(root)).map(root => `${root}: does not exist`)
  if (missing.length > 0) return missing
  const reached = new Set<string>()
  const queue = [...roots]
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const source = byPath.get(path)
    if (source === undefined || reached.has(path)) continue
    reached.add(path)
    queue.push(...source.imports.map(({ specifier }) => posix.join(posix.dirname(source.path), specifier)))
  }
  const dead = sources.filter(({ path }) => !reached.has(path))
  return dead.map(({ path }) => `${path}: nothing that runs imports it; use it or delete it`)
}

/** Packages in `dependencies` that no source imports. */
export function unusedPackages(sources: readonly Source[], packages: readonly string[]): string[] {
  const used = new Set(sources.flatMap(source => source.imports.map(({ specifier }) => specifier)))
  return packages
    .filter(name => ![...used].some(specifier => specifier === name || specifier.startsWith(`${name}/`)))
    .map(name => `package.json: nothing imports ${name}; remove it`)
}
