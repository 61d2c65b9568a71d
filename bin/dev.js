#!/usr/bin/env node
// The entry for work on hactl itself: runs the TypeScript sources as they are, with no build in between.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { settings } from '@oclif/core'
import { runProgram } from '../src/terminal/run-program.ts'
import { argumentsOf, calledAs, shownName } from './called-as.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const pjson = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
pjson.oclif.commands.target = './src/commands.ts'
pjson.oclif.hooks.command_not_found.target = './src/terminal/unknown-command.ts'
const name = calledAs('dev.js')
pjson.oclif.bin = shownName(name)
settings.enableAutoTranspile = false
settings.debug = true
process.env.NODE_ENV = 'development'
await runProgram(argumentsOf(name, process.argv.slice(2)), { root, pjson, ignoreManifest: true })
