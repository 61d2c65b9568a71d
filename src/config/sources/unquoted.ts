// Values that YAML reads as something other than what was typed, because they are not in quotes. A password of `#abc`
// is no password at all, `0123` is `83`: nothing fails where it is typed, and the login fails somewhere else. The
// warning names the line and not the value.

import type { Problem, ProblemPlace } from '../../model/settings/problem.ts'
import { at } from '../checks/check-document.ts'
import type { AnySetting, Schema } from '../schema/setting.ts'
import type { Source } from './config-files.ts'
import { QUOTE_IT } from './yaml-problems.ts'

export function warnUnquoted(
  source: Source,
  schema: Schema,
  placeOf: (path: string) => ProblemPlace | null,
): readonly Problem[] {
  return Object.entries(schema).flatMap(([path, setting]) => {
    const message = misread(source, path, setting)
    return message === null ? [] : [{ path, place: placeOf(path), message, hint: QUOTE_IT }]
  })
}

function misread(source: Source, path: string, { secret, leaf }: AnySetting): string | null {
  const kind = source.notAsTyped.get(path)
  const value = at(source.tree, path)
  if (secret && value === null && source.places.get(path)?.kind === 'file')
    return 'has no value: YAML reads what begins with # as a comment, with & as an anchor, and ~ and null as nothing'
  if (secret && kind === 'comment') return 'is cut off: YAML reads what follows the # as a comment'
  if (kind === 'number' && leaf.type === 'text')
    return 'is read by YAML as a number, and so as another text than what was typed'
  return null
}
