// Writes the reference of the configuration from the schema: node test/config/write-reference.ts

import { mkdir, writeFile } from 'node:fs/promises'
import { renderConfigManPage, renderConfigReference } from './render-reference.ts'

const root = new URL('../../', import.meta.url)
await mkdir(new URL('docs/', root), { recursive: true })
await mkdir(new URL('man/', root), { recursive: true })
await writeFile(new URL('docs/configuration.md', root), renderConfigReference())
await writeFile(new URL('man/hactl.yml.5', root), renderConfigManPage())
