// A node that requires a watchdog device and cannot have it would start, and never lead.

import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import type { Finding, LocalValues } from '../config/checks/contradictions.ts'
import { codeOrText } from '../model/error-text.ts'

const path = 'watchdog.device'

export async function checkWatchdog({ read }: LocalValues): Promise<readonly Finding[]> {
  const device = read(path)
  if (read('watchdog.mode') !== 'required' || device === null) return []
  const why = await access(device, constants.W_OK).then(() => null, codeOrText)
  if (why === null) return []
  const what = why === 'ENOENT' ? 'does not exist' : `cannot be written: ${why}`
  return [
    {
      kind: 'warning',
      path,
      message: `${device} ${what}, and watchdog.mode is required: this node would not lead`,
      hint: 'Load the driver (modprobe softdog), and give the device to the user of the agent.',
    },
  ]
}
