// The name of the user who runs this process, from the password file and not from the environment, which may say
// anything.

import { userInfo } from 'node:os'

/** null: a user without an entry has a number only. */
export function userName(): string | null {
  try {
    return userInfo().username
  } catch {
    return null
  }
}
