// What is said when the program itself fails: one line and a hint, not Node's page of source and stack. The stack comes with
// HACTL_DEBUG=1, and always from the agent, whose stderr is its log.

/** Ends the process with 1, the exit code of a bug, as Node does by itself. */
export function tellUncaught(isAgent) {
  process.setUncaughtExceptionCaptureCallback(error => {
    console.error(uncaughtText(error, isAgent || process.env.HACTL_DEBUG === '1'))
    process.exit(1)
  })
}

function uncaughtText(error, withStack) {
  const isError = error instanceof Error
  const what = escaped(isError ? error.message : String(error))
  const stack = withStack && isError ? `\n${(error.stack ?? '').split('\n').map(escaped).join('\n')}` : ''
  const hint = withStack
    ? 'report it, with the lines below.'
    : 'this is a bug; HACTL_DEBUG=1 shows where. What was asked for may have been done; see hactl list.'
  return `error: hactl failed: ${what}\nHINT: ${hint}${stack}`
}

/** It may hold text from anywhere, and line ends are ours. */
function escaped(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, character => {
    const code = character.codePointAt(0) ?? 0
    return code < 256
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`
  })
}
