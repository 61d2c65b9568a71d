// The connection service file that libpq reads (PGSERVICEFILE): for a secret that has no file of its own, as passwords have
// in the password file, and that must not stand in an argument list.

import { type FileOwner, replaceFile, SettingsError } from '../settings/durable-file.ts'

const SERVICE = 'hactl'

/** Mode 0600. Returns the name of the service. Throws SettingsError when a value does not fit on one line. */
export async function writeService(
  path: string,
  values: Readonly<Record<string, string>>,
  owner: FileOwner | null,
): Promise<string> {
  const lines = Object.entries(values).map(([keyword, value]) => {
    // libpq takes the rest of the line as it is, but for white space at its end.
    if (/[\n\r\0]|\s$/.test(value))
      throw new SettingsError('refused', `${keyword} holds a line break, or ends with white space`)
    return `${keyword}=${value}\n`
  })
  await replaceFile(path, `[${SERVICE}]\n${lines.join('')}`, { mode: 0o600, owner })
  return SERVICE
}
