// Builds dist/hactl.cjs: all of hactl and its packages in one CommonJS file, which starts in half the time that hundreds
// of modules need, and on which Node's compile cache works best. And dist/agent.cjs, the agent alone, without what only the
// command line needs (measured: 6 MB less in every agent). Without comments and blanks: V8 keeps the text in memory, two
// bytes a character if one comment holds a dash that is not ASCII (measured: 5 MB). Names and lines are kept for stack
// traces. Without oclif's manifest (measured: no faster when all is in one file).

import { execFile } from 'node:child_process'
import { access, readFile, rename, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)
const pjson = JSON.parse(await readFile(`${root}package.json`, 'utf8'))

const entry = `
import { join } from 'node:path'
import { runProgram } from './src/terminal/run-program.ts'
export { COMMANDS } from './src/commands.ts'
export { unknownCommand } from './src/terminal/unknown-command.ts'

const root = join(__dirname, '..')
const pjson = ${JSON.stringify({
  name: pjson.name,
  version: pjson.version,
  description: pjson.description,
  type: pjson.type,
  engines: pjson.engines,
  oclif: {
    ...pjson.oclif,
    commands: { ...pjson.oclif.commands, target: './dist/hactl.cjs' },
    hooks: { command_not_found: { target: './dist/hactl.cjs', identifier: 'unknownCommand' } },
  },
})}

export const main = (args, bin) => {
  pjson.oclif.bin = bin
  return runProgram(args, { root, pjson, ignoreManifest: true })
}
`

const agentEntry = `
import { runAgent } from './src/agent/agent.ts'

export const main = configPath =>
  runAgent({ configPath, env: process.env, entry: process.argv[1] ?? '', complain: line => console.error(line) })
`

// The thread of the agent that answers HTTP requests (src/agent/api-thread/): a program of its own, so that it holds nothing
// of the agent's.
const apiThreadEntry = `import './src/agent/api-thread/thread.ts'`

// etcd3 reads its .proto file from disk when it is loaded. The parsed form goes into the bundle instead.
const etcdProto = {
  name: 'etcd-proto',
  setup(bundle) {
    bundle.onLoad({ filter: /etcd3\/lib\/connection-pool\.js$/ }, async ({ path }) => {
      const protobuf = createRequire(require.resolve('@grpc/proto-loader'))('protobufjs')
      const parsed = await new protobuf.Root().load(
        fileURLToPath(new URL('../proto/rpc.proto', `file://${path}`)),
        { keepCase: true },
      )
      const source = await readFile(path, 'utf8')
      const call = /\(0, proto_loader_1\.loadSync\)\(`\$\{__dirname\}\/\.\.\/proto\/rpc\.proto`/
      if (!call.test(source)) throw new Error(`${path} no longer loads its .proto file as expected`)
      return {
        contents: source.replace(
          call,
          () => `(0, proto_loader_1.fromJSON)(${JSON.stringify(parsed.toJSON())}`,
        ),
        loader: 'js',
      }
    })
  },
}

async function bundle(contents, name) {
  const outfile = `${root}dist/${name}.cjs`
  await build({
    stdin: { contents, resolveDir: root, sourcefile: `${name}-entry.ts`, loader: 'ts' },
    outfile: `${outfile}.new`,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    legalComments: 'none',
    minifyWhitespace: true,
    lineLimit: 160,
    external: ['pg-native', 'typescript', 'tsx', 'ts-node'],
    banner: { js: 'const __bundleUrl = require("node:url").pathToFileURL(__filename).href;' },
    define: { 'import.meta.url': '__bundleUrl' },
    plugins: [etcdProto],
    logLevel: 'warning',
    // esbuild has printed what is wrong; its stack says nothing more.
  }).catch(() => process.exit(1))
  // A hactl that is started meanwhile finds the old file or the new one, never half of it.
  await rename(`${outfile}.new`, outfile)
}

/**
 * The first start fills the compile cache with the functions that it used, and later ones add nothing. So the first one is
 * a `list` to its end, with somebody who answers in place of etcd's gateway.
 */
async function fillCompileCache() {
  await rm(`${root}build/compile-cache`, { recursive: true, force: true })
  const member = {
    conn_url: 'postgres://x:5432/x',
    api_url: 'http://x:8008/patroni',
    state: 'running',
    role: 'primary',
  }
  const kvs = Object.entries({ initialize: '1', leader: 'x', 'members/x': JSON.stringify(member) }).map(
    ([key, value]) => ({ key: btoa(`/service/x/${key}`), value: btoa(value), mod_revision: '1' }),
  )
  const responses = [{ response_range: { kvs, count: '3' } }]
  const gateway = createServer((_, response) =>
    response.end(JSON.stringify({ header: { revision: '1' }, responses })),
  )
  await new Promise(resolve => gateway.listen(0, '127.0.0.1', resolve))
  const list = [`${root}bin/run.js`, 'list', 'x', '-d', `etcd3://127.0.0.1:${gateway.address().port}`]
  await promisify(execFile)(process.execPath, list, { timeout: 60_000 })
  gateway.close()
}

const exists = await access(`${root}src/commands.ts`).then(
  () => true,
  () => false,
)
if (exists) {
  await bundle(apiThreadEntry, 'api-thread')
  await bundle(agentEntry, 'agent')
  await bundle(entry, 'hactl')
  await fillCompileCache()
} else {
  console.log('src/commands.ts does not exist: no bundle was made')
}
