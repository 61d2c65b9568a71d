// Where an adapter writes what a DBA should read. One line per call; never a secret, never a stack trace for something
// a stranger on the network did.

export interface Log {
  debug(message: string): void
  info(message: string): void
  warning(message: string): void
  error(message: string): void
}
