// A configuration problem as a clause of an error message: its hint is in brackets, because the message has a hint of
// its own, which depends on the place of the first problem.

import { formatPlace, type Problem } from '../../model/settings/problem.ts'

/** `patroni.yml:12: etcd3.hosts: has no port (expected: host:port)`. */
export function problemText({ place, path, message, hint }: Problem): string {
  const where = [
    ...(place === null || place.kind === 'dynamic' ? [] : [`${formatPlace(place)}:`]),
    ...(path === null ? [] : [`${path}:`]),
  ]
  const advice = hint === null ? [] : [`(${hint.charAt(0).toLowerCase()}${hint.slice(1).replace(/\.$/, '')})`]
  return [...where, message, ...advice].join(' ')
}

/** What to do about the first of several problems, for people who read only that line. */
export function remedyFor([first]: readonly Problem[]): string {
  const place = first?.place ?? null
  switch (place?.kind) {
    case 'file':
      return place.line === null
        ? `look at ${place.file}, or name another file with --config-file.`
        : `mend ${formatPlace(place)}, or name another file with --config-file.`
    case 'environment':
      return `mend the variable ${place.name}, or unset it.`
    default:
      return first?.path === 'etcd3'
        ? "give the agent's YAML file with --config-file, the etcd address with --dcs-url, or set PATRONI_* variables."
        : 'mend what is named above.'
  }
}
