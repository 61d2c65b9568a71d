#!/usr/bin/env node
// The installed entry: runs the one-file build when it is there, otherwise the compiled sources through oclif.

import { existsSync, readFileSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'
import { argumentsOf, calledAs, shownName } from './called-as.js'
import { tellUncaught } from './uncaught.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const name = calledAs('run.js')
const args = argumentsOf(name, process.argv.slice(2))
tellUncaught(args[0] === 'agent')

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 24 || (major === 24 && minor < 15)) {
  console.error(
    `hactl: Node 24.15 or newer is needed, this is ${process.versions.node} (${process.execPath})`,
  )
  console.error(`HINT: start ${root}bin/hactl, which finds the one that was installed with it.`)
  process.exit(1)
}

if (args.length === 1 && args[0] === '--version') {
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
  console.log(`hactl ${version}`)
} else if (isPlainAgent(args) && existsSync(`${root}dist/agent.cjs`)) {
  // Without the compile cache: it starts once in months, and its user seldom may write there.
  process.exit(
    await module
      .createRequire(import.meta.url)(`${root}dist/agent.cjs`)
      .main(args[1] ?? null),
  )
} else if (existsSync(`${root}dist/hactl.cjs`)) {
  // Silently without effect where this user cannot write; never shared between users (Node keeps one folder per uid).
  module.enableCompileCache?.(`${root}build/compile-cache`)
  await module
    .createRequire(import.meta.url)(`${root}dist/hactl.cjs`)
    .main(args, shownName(name))
} else {
  const { runProgram } = await import('../dist/src/terminal/run-program.js')
  const pjson = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
  pjson.oclif.bin = shownName(name)
  await runProgram(args, { root, pjson, ignoreManifest: true })
}

/** `agent` or `agent CONFIG`: stays for months, and needs nothing of what parses, asks and prints. */
function isPlainAgent([command, config = '', ...rest]) {
  return command === 'agent' && !config.startsWith('-') && rest.length === 0
}
