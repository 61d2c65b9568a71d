// The reference and the man page say what the schema says.

import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { DYNAMIC, LOCAL } from '../../src/config/schema/schema.ts'
import type { AnySetting } from '../../src/config/schema/setting.ts'
import { renderConfigManPage, renderConfigReference } from './render-reference.ts'

const root = new URL('../../', import.meta.url)
const settings: readonly (readonly [string, AnySetting])[] = [
  ...Object.entries(LOCAL),
  ...Object.entries(DYNAMIC),
]

test.each([
  ['docs/configuration.md', renderConfigReference],
  ['man/hactl.yml.5', renderConfigManPage],
])('%s is what the schema gives (else: node test/config/write-reference.ts)', async (file, render) => {
  expect(await readFile(new URL(file, root), 'utf8')).toBe(render())
})

test('every setting is in both, with its variable', () => {
  const [markdown, man] = [renderConfigReference(), renderConfigManPage()]
  for (const [path, { env }] of settings) {
    expect(markdown).toContain(`| \`${path}\` |`)
    expect(man).toContain(path)
    if (env !== null) expect(markdown).toContain(`\`${env}\``)
  }
})

test('every setting is described, and its default is a value that it accepts', () => {
  for (const [path, setting] of settings) {
    expect(setting.about.length, path).toBeGreaterThan(5)
    const plain = ['string', 'number', 'boolean'].includes(typeof setting.fallback)
    if (plain)
      expect(setting.leaf.parse(setting.fallback as string).ok || setting.fallback === '', path).toBe(true)
  }
})

test('the man page has no characters that roff does not know', () => {
  expect(renderConfigManPage()).toMatch(/^[\n\u0020-\u007e]*$/)
})
