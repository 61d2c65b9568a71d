// The name by which the program was called. As `patronictl` (a link to hactl) it is the drop-in: what a script for patronictl
// reads (texts on stdout, exit codes, answers from a pipe) is patronictl's there. bin/called-as.js sets the variable.

export function isPatronictl(): boolean {
  return process.env.HACTL_CALLED_AS === 'patronictl'
}

/** As `patroni`: the agent, whose version scripts read. */
export function isPatroni(): boolean {
  return process.env.HACTL_CALLED_AS === 'patroni'
}
