// Options and command lines that operators write in the configuration: which of them a program may be given, and how a
// line is split into arguments.

import type { InitdbOption } from '../../model/settings/config.ts'

/** `--name` or `--name=value` each; `refused` gets the refused ones, with the reason. */
export function optionArguments(
  options: readonly InitdbOption[],
  forbidden: readonly string[],
  refused: (why: string) => void,
): readonly string[] {
  return options.flatMap(({ name, value }) => {
    if (forbidden.includes(name)) {
      refused(`option ${name} is not allowed: hactl sets it`)
      return []
    }
    return [value === null ? `--${name}` : `--${name}=${unquote(value)}`]
  })
}

/** One level of shell quotes, when the whole value is one quoted word. */
function unquote(value: string): string {
  const words = splitCommand(value)
  const quoted = /^(['"]).*\1$/s.test(value)
  return quoted && words?.length === 1 ? (words[0] ?? value) : value
}

/** As a POSIX shell splits words and takes quotes away, without expanding anything; null: a quote is not closed. */
export function splitCommand(text: string): readonly string[] | null {
  const words: string[] = []
  let word: string | null = null
  let quote: string | null = null
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at)
    const next = text.charAt(at + 1)
    if (quote !== null && character === quote) quote = null
    else if (quote === "'") word += character
    else if (character === '\\' && (quote === null || '"\\$`'.includes(next))) {
      word = (word ?? '') + next
      at += 1
    } else if (quote !== null) word += character
    else if (character === '"' || character === "'") {
      quote = character
      word ??= ''
    } else if (/\s/.test(character)) {
      if (word !== null) words.push(word)
      word = null
    } else word = (word ?? '') + character
  }
  if (quote !== null) return null
  return word === null ? words : [...words, word]
}
