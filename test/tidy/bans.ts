// What must not be written, each with what to write instead.

import { isNode, type Node, place, type Source } from './source.ts'

interface Ban {
  readonly name: string
  readonly instead: string
  /** Files where it is right, with the reason in a comment at the list. */
  readonly except?: (path: string) => boolean
  readonly found: (node: Node, source: Source) => boolean
}

const inClock = (path: string) => path === 'src/system/clock.ts'
const inTests = (path: string) => path.startsWith('test/')

/** Blocking calls are right where no loop runs yet. */
const beforeTheLoop: readonly string[] = [
  // Looks once, while the agent is wired, which of two places holds a program.
  'src/agent/program-paths.ts',
]

export const bans: readonly Ban[] = [
  {
    name: 'wall time',
    instead: 'take a Clock (src/ports/clock.ts): bootMs for deadlines, wallMs for people',
    except: path => inClock(path) || inTests(path),
    found: node => readsWallTime(node),
  },
  {
    name: 'another monotonic clock',
    instead: 'take a Clock (src/ports/clock.ts): its bootMs goes on while the machine is suspended',
    except: path => inClock(path) || inTests(path),
    found: node => isMember(node, 'performance', 'now') || isMember(node, 'process', 'hrtime'),
  },
  {
    name: 'randomness',
    instead: 'take it from the adapter that needs it (node:crypto), never in what a simulation must replay',
    except: inTests,
    found: node => isMember(node, 'Math', 'random'),
  },
  {
    name: 'a blocking call',
    instead: 'use the promise form with a deadline: a blocked loop renews no lease',
    // Tests block nobody but themselves.
    except: path => inTests(path) || beforeTheLoop.includes(path),
    found: (node, source) => isBlockingCall(node, source),
  },
  {
    name: 'setInterval',
    instead: 'set the next timer when the work is done: intervals overlap',
    found: node => isCallOf(node, 'setInterval'),
  },
  {
    name: 'process.exit',
    instead: 'return an exit code; only bin/ ends the process',
    found: node => isMember(node, 'process', 'exit'),
  },
  {
    name: 'a text past the exit',
    instead:
      'print it with src/terminal/print.ts, or log it (src/ports/log.ts): they escape what may not reach a terminal',
    except: path => inTests(path) || path === 'src/terminal/print.ts',
    found: (node, source) => printsDirectly(node, source),
  },
  {
    name: 'a revision compared or computed with',
    instead: "ask isNewer (src/model/revision.ts): the order of revisions is the store's business",
    // The transport knows what its revisions are made of, and tests make their own.
    except: path => inTests(path) || path.startsWith('src/dcs/etcd/'),
    found: node => computesWithRevision(node),
  },
  { name: 'any', instead: 'use unknown and look', found: node => node.type === 'TSAnyKeyword' },
  {
    name: 'a non-null `!`',
    instead: 'handle the missing case, or assert it with a message',
    found: node => node.type === 'TSNonNullExpression',
  },
  {
    name: 'a default export',
    instead: 'export it by name',
    except: path => path.startsWith('commands/'),
    found: node => node.type === 'ExportDefaultDeclaration',
  },
  {
    name: 'an empty catch',
    instead: 'catch what is expected and answer with a value; nothing is caught just to go on',
    found: (node, source) => isEmptyCatch(node, source),
  },
  {
    name: 'a mock',
    instead: 'use the real thing, or a port that the simulator implements',
    found: node => ['mock', 'doMock', 'fn', 'spyOn'].some(name => isMember(node, 'vi', name)),
  },
  {
    name: 'a test that does not run',
    instead: 'run it or delete it',
    found: node =>
      ['test', 'it', 'describe'].some(word =>
        ['only', 'todo', 'skip'].some(how => isMember(node, word, how)),
      ),
  },
]

export function bannedCode(source: Source): string[] {
  return bans
    .filter(ban => ban.except === undefined || !ban.except(source.path))
    .flatMap(ban =>
      source.nodes
        .filter(node => ban.found(node, source))
        .map(node => `${place(source, node.start)}: ${ban.name}: ${ban.instead}`),
    )
}

const commentBans: readonly (readonly [RegExp, string])[] = [
  [/@ts-(ignore|expect-error|nocheck)/, 'mend the type'],
  [/\b(TODO|FIXME|XXX|HACK)\b/, 'do it, or write an issue'],
]

export function bannedComments(source: Source): string[] {
  return source.comments.flatMap(comment =>
    commentBans.flatMap(([pattern, instead]) => {
      const match = pattern.exec(comment.value)
      const isTypeTest = match?.[1] === 'expect-error' && /^test.*\.types\.ts$/.test(source.path)
      return match === null || isTypeTest ? [] : [`${place(source, comment.start)}: ${match[0]}: ${instead}`]
    }),
  )
}

const emptyNames = /^(utils?|helpers?|common|lib|core|managers?|misc|shared)$/

/** Folders and files with names that say nothing. */
export function emptyWords(paths: readonly string[]): string[] {
  return paths.flatMap(path =>
    path
      .split('/')
      .map(part => part.replace(/\.[a-z.]+$/, ''))
      .filter(part => emptyNames.test(part))
      .map(part => `${path}: "${part}" says nothing: name it after what it does`),
  )
}

function isMember(node: Node, object: string, property: string): boolean {
  return (
    node.type === 'MemberExpression' &&
    isNode(node.object) &&
    node.object.name === object &&
    isNode(node.property) &&
    node.property.name === property
  )
}

const STREAMS = ['stdout', 'stderr']

/** `process.stdout.write`, `stderr.write` of a destructured process, `console.…`, and what oclif offers for it. */
function printsDirectly(node: Node, { path }: Source): boolean {
  if (node.type !== 'MemberExpression' || !isNode(node.object) || !isNode(node.property)) return false
  const { object, property } = node
  if (object.name === 'console') return true
  const isCommand = path.startsWith('commands/') || path.startsWith('src/terminal/')
  if (object.type === 'ThisExpression' && isCommand)
    return ['log', 'logToStderr', 'logJson', 'warn'].includes(String(property.name))
  const isStream = STREAMS.some(name => object.name === name || isMember(object, 'process', name))
  return isStream && property.name === 'write'
}

function isCallOf(node: Node, name: string): boolean {
  return node.type === 'CallExpression' && isNode(node.callee) && node.callee.name === name
}

function readsWallTime(node: Node): boolean {
  if (isMember(node, 'Date', 'now') || isCallOf(node, 'Date')) return true
  const noArguments = Array.isArray(node.arguments) && node.arguments.length === 0
  return node.type === 'NewExpression' && isNode(node.callee) && node.callee.name === 'Date' && noArguments
}

function computesWithRevision(node: Node): boolean {
  if (node.type !== 'BinaryExpression' || !/^([<>]=?|[-+*/%])$/.test(String(node.operator))) return false
  return [node.left, node.right].some(side => isNode(side) && /evision$/.test(lastName(side)))
}

function lastName(node: Node): string {
  return String(isNode(node.property) ? node.property.name : node.name)
}

/** `readFileSync` imported from Node, `fs.readFileSync`, and Atomics.wait; our own `parseSync` is no such call. */
function isBlockingCall(node: Node, source: Source): boolean {
  if (isMember(node, 'Atomics', 'wait')) return true
  if (node.type === 'ImportSpecifier' && isNode(node.imported)) {
    return /Sync$/.test(String(node.imported.name)) && fromNode(node, source)
  }
  if (node.type !== 'CallExpression' || !isNode(node.callee) || node.callee.type !== 'MemberExpression')
    return false
  const { object, property } = node.callee
  const ofModule = isNode(object) && /^(fs|child_process|crypto|zlib|dns)$/.test(String(object.name))
  return ofModule && isNode(property) && /Sync$/.test(String(property.name))
}

function fromNode(specifier: Node, source: Source): boolean {
  return source.nodes.some(
    node =>
      node.type === 'ImportDeclaration' &&
      node.start <= specifier.start &&
      specifier.end <= node.end &&
      isNode(node.source) &&
      String(node.source.value).startsWith('node:'),
  )
}

/** A comment in the block that says why nothing is to be done makes it not empty. */
function isEmptyCatch(node: Node, source: Source): boolean {
  if (node.type !== 'CatchClause' || !isNode(node.body)) return false
  const { body, start, end } = node.body
  if (!Array.isArray(body) || body.length > 0) return false
  return !source.comments.some(comment => start < comment.start && comment.end < end)
}
