// Shell completion: commands, options and fixed values are in the scripts themselves; for the names of clusters and
// members, which only etcd knows, they call `hactl complete`, which answers soon or not at all.

import type { CommandDescription, Manual, OptionDescription } from './describe.ts'

export const SHELLS = ['bash', 'zsh'] as const
type Shell = (typeof SHELLS)[number]

/** `settings`: what may follow `--set`. */
export function completionScript(manual: Manual, shell: Shell, settings: readonly string[]): string {
  return shell === 'bash' ? bash(manual, settings) : zsh(manual, settings)
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

/** All spellings of the options that take a free text. */
export function optionsWithValue(manual: Manual): readonly string[] {
  const options = manual.commands.flatMap(command => optionsOf(manual, command))
  return [...new Set(options.filter(option => option.value !== null).flatMap(spellings))]
}

/** Whether an argument names a cluster or a member. */
function takesNames(command: CommandDescription): boolean {
  return command.takes.some(({ synopsis }) => /^\[?(?:CLUSTER|MEMBER)/.test(synopsis))
}

function ofMembers(manual: Manual): readonly string[] {
  const options = manual.commands.flatMap(command => command.options)
  return [...new Set(options.filter(option => option.value === 'MEMBER').flatMap(spellings))]
}

function bash(manual: Manual, settings: readonly string[]): string {
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
  const members = ofMembers(manual)
  const known = [...files, ...members, '--set', '-s']
  const freeText = withValue.filter(name => !known.includes(name)).map(name => `*:${name}`)
  const cases = manual.commands.map(command => {
    const options = optionsOf(manual, command).flatMap(spellings)
    const fixed = [...secondWord(command), ...command.takes.flatMap(argument => argument.choices)]
    const file = takesFile(command) ? ' compopt -o default;' : ''
    const ask = takesNames(command) ? ' ask=arguments;' : ''
    return `    ${firstWord(command)})${file}${ask} options='${options.join(' ')}'; words='${fixed.join(' ')}' ;;`
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
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command='' words='' options='' ask='' at
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
    --set|-s) compopt -o nospace; COMPREPLY=($(compgen -W '${settings.join(' ')}' -- "$current")); return ;;
    ${members.join('|')}) ask=members ;;
  esac
  case $command:$previous in
${choices.join('\n')}
    ${freeText.join('|')}) COMPREPLY=(); return ;;
  esac
  if [[ -z $words && -z $ask ]]; then
    case $command in
    '') words='${[...names, ...global.split(' ')].join(' ')}' ;;
${cases.join('\n')}
    esac
  fi
  # Options only for who begins one.
  if [[ $current == -* ]]; then words="$words $options"; ask=''; fi
  if [[ -n $ask ]]; then words="$words $("\${COMP_WORDS[0]}" complete $ask "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null)"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _hactl hactl patronictl
`
}

/** The first word of `rolling restart`; no other command begins with it. */
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

function zsh(manual: Manual, settings: readonly string[]): string {
  const zshOptions = (option: OptionDescription) => zshOption(option, settings)
  const commands = manual.commands.map(command => `    '${firstWord(command)}:${quoted(command.summary)}'`)
  const cases = manual.commands.map(command => {
    const specs = optionsOf(manual, command).flatMap(zshOptions)
    const fixed = [...secondWord(command), ...command.takes.flatMap(argument => argument.choices)]
    const rest =
      fixed.length > 0
        ? [`'1:value:(${fixed.join(' ')})'`]
        : [
            takesFile(command)
              ? "'1:file:_files'"
              : takesNames(command)
                ? "'*:name: _hactl_names arguments'"
                : "'*:argument:( )'",
          ]
    return `    ${firstWord(command)}) _arguments ${[...specs, ...rest].join(' ')} ;;`
  })
  return `#compdef hactl patronictl
# zsh completion for hactl; load it with: source <(hactl completion zsh)
# What calls it stands behind a blank: otherwise _arguments puts words of its own before the one that is given.
_hactl_names() {
  local -a names
  names=(\${(f)"$(\${hactl_typed[1]} complete $1 "\${(j: :)hactl_typed}" 2>/dev/null)"})
  compadd -a names
}
_hactl() {
  local -a commands hactl_typed
  hactl_typed=("\${(@)words[1,CURRENT]}")
  commands=(
${commands.join('\n')}
  )
  local context state line
  _arguments -C ${manual.globalOptions.flatMap(zshOptions).join(' ')} '1:command:->command' '*::argument:->argument'
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

function zshOption(option: OptionDescription, settings: readonly string[]): readonly string[] {
  const action =
    option.choices.length > 0
      ? `(${option.choices.join(' ')})`
      : /^FILE$/.test(option.value ?? '')
        ? '_files'
        : option.value === 'MEMBER'
          ? ' _hactl_names members'
          : option.long === 'set'
            ? `(${settings.join(' ')})`
            : ' '
  const value = option.value === null ? '' : `:${quoted(option.long)}:${action}`
  const repeat = option.repeatable ? '\\*' : ''
  // With the equals sign, `--option=value` is completed too.
  const form = (name: string) => (option.value !== null && name.startsWith('--') ? `${name}=` : name)
  return spellings(option).map(name => `${repeat}'${form(name)}[${quoted(option.summary)}]${value}'`)
}

/** Inside single quotes and brackets of a zsh specification. */
function quoted(text: string): string {
  return text.replaceAll("'", "'\\''").replaceAll(/[[\]:]/g, match => `\\${match}`)
}
