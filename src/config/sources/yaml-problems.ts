// The YAML parser's errors in our words. Its own texts quote the source, which may be a password: only texts that are
// known not to are passed on. Most of these mistakes are values that need quotes.

import type { Document } from 'yaml'

interface Explained {
  readonly message: string
  readonly hint: string | null
}

export const QUOTE_IT = 'A value with special characters, such as a password, belongs in single quotes.'

/** `message`: the parser's own, used where it holds nothing of the document. */
export function explainYaml(code: string, message: string): Explained {
  const known = KNOWN[code]
  if (known !== undefined) return known
  if (code === 'UNEXPECTED_TOKEN' && message.startsWith('Block scalar header'))
    return { message: notYaml('a value begins with | or >, which start a block of lines'), hint: QUOTE_IT }
  if (code === 'MISSING_CHAR' && /quote$/.test(message))
    return {
      message: notYaml('a quote is not closed'),
      hint: 'Close it. Inside single quotes, write a quote twice.',
    }
  if (code === 'MISSING_CHAR' && message.startsWith('Implicit map keys'))
    return { message: notYaml('this line is not "key: value"'), hint: 'A blank must follow the colon.' }
  return { message: notYaml(lowerFirst(message.split(':')[0] ?? '')), hint: null }
}

function notYaml(why: string): string {
  return `is not valid YAML: ${why}`
}

const KNOWN: Readonly<Record<string, Explained>> = {
  TAB_AS_INDENT: {
    message: 'is not valid YAML: tabs are not allowed as indentation',
    hint: 'Indent with blanks.',
  },
  MULTIPLE_DOCS: {
    message: 'has more than one YAML document',
    hint: 'Use one file for each, in a directory.',
  },
  RESOURCE_EXHAUSTION: { message: 'is nested too deeply', hint: null },
  BAD_SCALAR_START: {
    message: notYaml('a value begins with a character that YAML reserves'),
    hint: QUOTE_IT,
  },
  BLOCK_AS_IMPLICIT_KEY: { message: notYaml('there is a second ": " in this line'), hint: QUOTE_IT },
  BAD_DQ_ESCAPE: { message: notYaml('an unknown escape in double quotes'), hint: QUOTE_IT },
  MULTILINE_IMPLICIT_KEY: {
    message: notYaml('a line before this one is not "key: value"'),
    hint: 'A blank must follow the colon of each key.',
  },
}

/** Where the mistake is: a quote that is never closed is noticed at the end of the text, but it was opened earlier. */
export function offsetOfError(
  yaml: typeof import('yaml'),
  document: Document,
  error: { readonly code: string; readonly pos: readonly [number, number] },
): number {
  if (error.code !== 'MISSING_CHAR') return error.pos[0]
  let opened: number | null = null
  yaml.visit(document, {
    Scalar: (_, { type, range }) => {
      const isQuoted = type === 'QUOTE_DOUBLE' || type === 'QUOTE_SINGLE'
      if (isQuoted && range?.[1] === error.pos[0]) opened = range[0]
    },
  })
  return opened ?? error.pos[0]
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1)
}
