// Shell completion of commands, options and fixed values, as static scripts: nothing is started while somebody types.

import type { CommandDescription, Manual, OptionDescription } from './describe.ts'

export const SHELLS = ['bash', 'zsh'] as const
export type Shell = (typeof SHELLS)[number]

export function completionScript(manual: Manual, shell: Shell): string {
  return shell === 'bash' ? bash(manual) : zsh(manual)
}

/** All spellings of an option. */
function spellings(option: OptionDescription): readonly string[] {
  return [
    `--${option.long}`,
    ...(option.negatable ? [`--no-${option.long}`] : []),
    ...option.aliases.map(alias => `--${alias}`),
    ...(option.short === null ? [] : [`-${option.short}`]),
  ]
}

function optionsOf(manual: Manual, command: CommandDescription): readonly OptionDescription[] {
  return [...command.options, ...(command.takesGlobalOptions ? manual.globalOptions : [])]
}

function bash(manual: Manual): string {
  const names = manual.commands.map(firstWord)
  const global = manual.globalOptions.flatMap(spellings).join(' ')
  const withValue = [
    ...new Set(
      manual.commands
        .flatMap(command => optionsOf(manual, command))
        .filter(takesText)
        .flatMap(spellings),
    ),
  ]
  const files = ['--config-file', '-c', '--apply', '--replace']
  const freeText = withValue.filter(name => !files.includes(name)).map(name => `*:${name}`)
  const cases = manual.commands.map(command => {
    const options = optionsOf(manual, command).flatMap(spellings)
    const fixed = [...secondWord(command), ...command.takes.flatMap(argument => argument.choices)]
    const file = takesFile(command) ? ' compopt -o default;' : ''
    return `    ${firstWord(command)})${file} words='${[...options, ...fixed].join(' ')}' ;;`
  })
  const choices = manual.commands.flatMap(command =>
    command.options
      .filter(option => option.choices.length > 0)
      .map(option => {
        const patterns = spellings(option).map(name => `${firstWord(command)}:${name}`)
        return `    ${patterns.join('|')}) words='${option.choices.join(' ')}' ;;`
      }),
  )
  return `# bash completion for hactl; load it with: source <(hactl completion bash)
_hactl() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command='' words='' at
  # --option=value comes as three words, or two while the value is empty.
  if [[ $current == = ]]; then current='';
  elif [[ $previous == = ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
      ${['-c', '-d', '--config-file', '--dcs-url', '--dcs', '--timeout'].join('|')})
        if [[ \${COMP_WORDS[at+1]} == = ]]; then ((at++)); fi
        ((at++)) ;;
      -*) ;;
      *) command=\${COMP_WORDS[at]}; break ;;
    esac
  done
  case $previous in
    ${files.join('|')}) compopt -o default; COMPREPLY=(); return ;;
  esac
  case $command:$previous in
${choices.join('\n')}
    ${freeText.join('|')}) COMPREPLY=(); return ;;
  esac
  if [[ -z $words ]]; then
    case $command in
    '') words='${[...names, ...global.split(' ')].join(' ')}' ;;
${cases.join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _hactl hactl patronictl
`
}

/** Of `rolling restart` the first; no other command begins with it. */
function firstWord({ name }: CommandDescription): string {
  return name.split(' ')[0] ?? name
}

function secondWord({ name }: CommandDescription): readonly string[] {
  return name.split(' ').slice(1)
}

function takesText(option: OptionDescription): boolean {
  return option.value !== null && option.choices.length === 0
}

function takesFile(command: CommandDescription): boolean {
  return command.name === 'agent'
}

function zsh(manual: Manual): string {
  const commands = manual.commands.map(command => `    '${firstWord(command)}:${quoted(command.summary)}'`)
  const cases = manual.commands.map(command => {
    const specs = optionsOf(manual, command).flatMap(zshOption)
    const fixed = [...secondWord(command), ...command.takes.flatMap(argument => argument.choices)]
    const rest =
      fixed.length > 0
        ? [`'1:value:(${fixed.join(' ')})'`]
        : [takesFile(command) ? "'1:file:_files'" : "'*:argument:( )'"]
    return `    ${firstWord(command)}) _arguments ${[...specs, ...rest].join(' ')} ;;`
  })
  return `#compdef hactl patronictl
# zsh completion for hactl; load it with: source <(hactl completion zsh)
_hactl() {
  local -a commands
  commands=(
${commands.join('\n')}
  )
  local context state line
  _arguments -C ${manual.globalOptions.flatMap(zshOption).join(' ')} '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
    case $words[1] in
${cases.join('\n')}
    esac ;;
  esac
}
# Found in fpath, this file is the function itself when it is called first.
if [[ $funcstack[1] == _hactl ]]; then _hactl "$@"; else compdef _hactl hactl patronictl; fi
`
}

function zshOption(option: OptionDescription): readonly string[] {
  const action =
    option.choices.length > 0
      ? `(${option.choices.join(' ')})`
      : /^FILE$/.test(option.value ?? '')
        ? '_files'
        : ' '
  const value = option.value === null ? '' : `:${quoted(option.long)}:${action}`
  const repeat = option.repeatable ? '\\*' : ''
  // With the sign of equality `--option=value` is completed too.
  const form = (name: string) => (option.value !== null && name.startsWith('--') ? `${name}=` : name)
  return spellings(option).map(name => `${repeat}'${form(name)}[${quoted(option.summary)}]${value}'`)
}

/** Inside single quotes and brackets of a zsh specification. */
function quoted(text: string): string {
  return text.replaceAll("'", "'\\''").replaceAll(/[[\]:]/g, match => `\\${match}`)
}
