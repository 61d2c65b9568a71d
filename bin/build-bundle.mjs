// Builds dist/hactl.cjs: all of hactl and its packages in one CommonJS file, which starts in half the time that hundreds
// of modules need, and on which Node's compile cache works best. Not minified (measured: no faster, and a stack trace
// would show one line of a megabyte), and without oclif's manifest (measured: no faster when all is in one file).

import { execFile } from 'node:child_process'
import { access, readFile, rename } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)
const pjson = JSON.parse(await readFile(`${root}package.json`, 'utf8'))

const entry = `
import { execute } from '@oclif/core'
import { join } from 'node:path'
import { normaliseArgv } from './src/terminal/argv.ts'
export { COMMANDS } from './src/commands.ts'

const root = join(__dirname, '..')
const pjson = ${JSON.stringify({
  name: pjson.name,
  version: pjson.version,
  description: pjson.description,
  type: pjson.type,
  engines: pjson.engines,
  oclif: { ...pjson.oclif, commands: { ...pjson.oclif.commands, target: './dist/hactl.cjs' } },
})}

export const main = args => execute({ args: normaliseArgv(args), loadOptions: { root, pjson, ignoreManifest: true } })
`

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

const exists = await access(`${root}src/commands.ts`).then(
  () => true,
  () => false,
)
if (exists) {
  await build({
    stdin: { contents: entry, resolveDir: root, sourcefile: 'hactl-entry.ts', loader: 'ts' },
    outfile: `${root}dist/hactl.cjs.new`,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    legalComments: 'none',
    external: ['pg-native', 'typescript', 'tsx', 'ts-node'],
    banner: { js: 'const __bundleUrl = require("node:url").pathToFileURL(__filename).href;' },
    define: { 'import.meta.url': '__bundleUrl' },
    plugins: [etcdProto],
    logLevel: 'warning',
    // esbuild has printed what is wrong; its stack says nothing more.
  }).catch(() => process.exit(1))
  // A hactl that is started meanwhile finds the old file or the new one, never half of it.
  await rename(`${root}dist/hactl.cjs.new`, `${root}dist/hactl.cjs`)
  // The first start fills the compile cache, so that the user's first start is already fast.
  await promisify(execFile)(process.execPath, [`${root}bin/run.js`, '--help'], { timeout: 60_000 })
} else {
  console.log('src/commands.ts does not exist: no bundle was made')
}
