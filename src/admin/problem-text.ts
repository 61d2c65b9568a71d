// A problem of a configuration as a clause inside an error message: the hint stands in brackets, because the message
// has a hint of its own.

import { formatPlace, type Problem } from '../model/problem.ts'

/** `patroni.yml:12: etcd3.hosts: has no port (expected: host:port)`. */
export function problemText({ place, path, message, hint }: Problem): string {
  const where = [
    ...(place === null || place.kind === 'dynamic' ? [] : [`${formatPlace(place)}:`]),
    ...(path === null ? [] : [`${path}:`]),
  ]
  const advice = hint === null ? [] : [`(${hint.charAt(0).toLowerCase()}${hint.slice(1).replace(/\.$/, '')})`]
  return [...where, message, ...advice].join(' ')
}
