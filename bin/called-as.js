// By which name the program was called, through whatever links: `patronictl` and `patroni` are the drop-in for Patroni's own
// programs. The launcher hands the name on in a variable; npm's links lead straight to run.js.

import { basename } from 'node:path'

/** Also sets the variable that src/terminal/drop-in/drop-in.ts reads: a name that an outer program left there is not this one's. */
export function calledAs(entry) {
  const own = basename(process.argv[1] ?? entry)
  const name = own === entry ? (process.env.HACTL_CALLED_AS ?? 'hactl') : own
  process.env.HACTL_CALLED_AS = name
  return name
}

/** The arguments for hactl: `patroni FILE` is `hactl agent FILE`. */
export function argumentsOf(name, args) {
  return name === 'patroni' ? ['agent', ...args] : args
}

/** The name in `--help` and in hints. */
export function shownName(name) {
  return name === 'patronictl' ? name : 'hactl'
}
