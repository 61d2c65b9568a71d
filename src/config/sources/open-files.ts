// Files that hold passwords and that every user of this machine may read.

import { isSecretName } from '../../model/command/redact.ts'
import type { Problem } from '../../model/settings/problem.ts'
import type { Schema } from '../schema/setting.ts'
import type { Source } from './config-files.ts'

export function warnOpenFiles({ openFiles, places }: Source, schema: Schema): readonly Problem[] {
  const isSecret = (path: string): boolean =>
    (Object.hasOwn(schema, path) && schema[path]?.secret === true) || isSecretName(path)
  return openFiles.flatMap(file => {
    const holds = [...places].some(
      ([path, place]) => place.kind === 'file' && place.file === file && isSecret(path),
    )
    if (!holds) return []
    return [
      {
        path: null,
        place: { kind: 'file' as const, file, line: null },
        message: 'holds passwords, and every user of this machine may read it',
        hint: `Run: chmod 0600 ${file}`,
      },
    ]
  })
}
