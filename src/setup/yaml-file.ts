// A draft as YAML 1.1, which Patroni reads too: whatever would be read as something else than text is quoted, and each
// note is above its key.

import type { Draft } from './draft.ts'

export async function yamlFile({ tree, notes }: Draft, head: string): Promise<string> {
  const { Document, isMap } = await import('yaml')
  const document = new Document(tree, { version: '1.1' })
  document.commentBefore = commentOf(head)
  for (const [path, text] of notes) {
    const keys = path.split('.')
    const last = keys.pop()
    const section = keys.length === 0 ? document.contents : document.getIn(keys, true)
    const key = isMap(section)
      ? section.items.find(item => String((item.key as { readonly value?: unknown }).value) === last)?.key
      : undefined
    if (key !== undefined && key !== null) (key as { commentBefore?: string }).commentBefore = commentOf(text)
  }
  return document.toString({ lineWidth: 0, directives: false })
}

function commentOf(text: string): string {
  return text
    .split('\n')
    .map(line => ` ${line}`)
    .join('\n')
}
