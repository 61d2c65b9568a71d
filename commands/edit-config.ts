// `hactl edit-config [CLUSTER]`: changes the dynamic configuration, by options or in an editor, validated first.

import { Flags } from '@oclif/core'
import type { EditReport } from '../src/admin/config/edit-config.ts'
import type { ChangedParameter } from '../src/admin/config/parameter-advice.ts'
import { problemText } from '../src/admin/config/problem-text.ts'
import { configToReplace, showConfig } from '../src/admin/config/show-config.ts'
import { withCluster } from '../src/admin/connect.ts'
import { failed } from '../src/model/command/failure.ts'
import type { Problem } from '../src/model/settings/problem.ts'
import { TIMING_PROFILE_NAMES, TIMING_PROFILES } from '../src/model/settings/timing-profile.ts'
import { type ConfigRules, editConfiguration } from '../src/terminal/ask/config-dialogue.ts'
import { CLUSTER_ARG } from '../src/terminal/cluster-arg.ts'
import { HactlCommand, READ_TIMEOUT_MS } from '../src/terminal/command.ts'
import { isPatronictl } from '../src/terminal/drop-in/drop-in.ts'

const PROFILES = TIMING_PROFILE_NAMES.map(name => {
  const { ttl, loop_wait: loopWait, retry_timeout: retryTimeout } = TIMING_PROFILES[name]
  return `${name} ${ttl}/${loopWait}/${retryTimeout} s`
}).join(', ')

export default class EditConfig extends HactlCommand {
  static override summary = 'Change the dynamic configuration of a cluster.'
  static override description =
    'Without an option that says what to change, an editor is opened ($VISUAL, $EDITOR, else editor, else ' +
    'vi). The new document is validated, the leader is asked about PostgreSQL parameters that change, a ' +
    'change of the synchronous mode is judged by the members that there are, a ' +
    'diff is shown, and it is stored only if nobody changed it meanwhile. Options are applied in the order' +
    ' --replace, --apply, --profile, --set, --pg. A profile sets ttl, loop_wait and retry_timeout together:' +
    ` ${PROFILES}. docs/modes.md has what each costs.`
  static override examples = [
    {
      description: 'In an editor:',
      command: '<%= config.bin %> edit-config --config-file /etc/patroni/patroni.yml',
    },
    {
      description: 'Two settings, in a script:',
      command: '<%= config.bin %> edit-config batman --set ttl=20 --pg max_connections=200 --force',
    },
    {
      description: 'Remove a setting:',
      command: '<%= config.bin %> edit-config batman --pg work_mem=null --force',
    },
    {
      description: 'A short outage after the loss of a node (about 5 s):',
      command: '<%= config.bin %> edit-config batman --profile fast',
    },
    { description: 'From a file:', command: '<%= config.bin %> edit-config batman --apply changes.yml' },
  ]
  static override args = { cluster: CLUSTER_ARG }
  static override flags = {
    set: Flags.string({
      char: 's',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'KEY=VALUE',
      summary: 'Set a key (dots go down); null removes it.',
    }),
    pg: Flags.string({
      char: 'p',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'NAME=VALUE',
      summary: 'Set a PostgreSQL parameter.',
    }),
    apply: Flags.string({ helpValue: 'FILE', summary: 'Merge a YAML file; - is stdin.' }),
    profile: Flags.string({
      options: TIMING_PROFILE_NAMES,
      summary: 'Set ttl, loop_wait and retry_timeout together.',
    }),
    replace: Flags.string({
      helpValue: 'FILE',
      summary: 'Take a YAML file as the whole configuration; - is stdin.',
    }),
    quiet: Flags.boolean({ char: 'q', summary: 'Do not show the diff.' }),
    force: Flags.boolean({ aliases: ['yes'], summary: 'Do not ask.' }),
    'force-invalid': Flags.boolean({
      summary:
        'Store the document even though it is not valid; the agents replace each bad value by what all of ' +
        'them agree on.',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(EditConfig)
    const result = await withCluster(flags, args.cluster, async (operator, cluster) => {
      const read = flags.replace === undefined ? showConfig : configToReplace
      const before = await read(operator, cluster, flags.timeout ?? READ_TIMEOUT_MS)
      return before.ok
        ? editConfiguration(operator, before.value, flags, RULES)
        : failed<EditReport>(before.failure)
    })
    this.conclude(flags.json, result, report =>
      report.stored
        ? 'Configuration changed\n'
        : report.changed || (isPatronictl() && flags.quiet)
          ? ''
          : 'Not changed\n',
    )
  }
}

/** Loaded when they are needed: the schema and YAML are the slow part of a start. */
const RULES: ConfigRules = {
  readYaml: async (text, name) => {
    const { parseYaml } = await import('../src/config/sources/yaml.ts')
    const { value, errors, lines } = await parseYaml(text, name)
    return value === undefined ? { problems: errors.map(problemText) } : { value, lines, problems: null }
  },
  judge: async (document, lines) => {
    const { readDynamicSettings } = await import('../src/config/dynamic.ts')
    const read = readDynamicSettings(document, null)
    const text = (problem: Problem) => {
      const line = problem.path === null ? undefined : lines?.get(problem.path)
      return line === undefined ? problemText(problem) : `line ${line}: ${problemText(problem)}`
    }
    return { problems: read.ok ? [] : read.errors.map(text), warnings: read.warnings.map(text) }
  },
  ignoredParameters: async () => {
    const { isControlled, isOwnParameter } = await import('../src/config/checks/parameter-rules.ts')
    // Parameters that must not differ by role are ignored there; a warning says so.
    return ({ section, name }: ChangedParameter) =>
      isOwnParameter(name) || (section !== 'parameters' && isControlled(name))
  },
}
