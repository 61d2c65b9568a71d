// `hactl edit-config [CLUSTER]`: changes the dynamic configuration, by options or in an editor, validated first.

import { Flags } from '@oclif/core'
import { changeDocument, type EditReport, storeConfig } from '../src/admin/config/edit-config.ts'
import {
  adviseOnParameters,
  type ChangedParameter,
  changedParameters,
  type ParameterAdvice,
} from '../src/admin/config/parameter-advice.ts'
import { problemText } from '../src/admin/config/problem-text.ts'
import { type ConfigReport, configToReplace, showConfig } from '../src/admin/config/show-config.ts'
import { connect } from '../src/admin/connect.ts'
import { chooseCluster, type Operator } from '../src/admin/operator.ts'
import type { JsonObject } from '../src/model/cluster/cluster.ts'
import { done, type Failure, failed, type Result } from '../src/model/command/failure.ts'
import { isJsonObject } from '../src/model/settings/patch.ts'
import type { Problem } from '../src/model/settings/problem.ts'
import { type ChangeOptions, readChanges, readsStdin } from '../src/terminal/ask/config-changes.ts'
import { type Edited, editUntilValid, type Judged } from '../src/terminal/ask/edit-until-valid.ts'
import { askYesNo, canAsk } from '../src/terminal/ask/questions.ts'
import { CLUSTER_ARG } from '../src/terminal/cluster-arg.ts'
import { type GlobalFlags, HactlCommand, READ_TIMEOUT_MS } from '../src/terminal/command.ts'
import { isPatronictl } from '../src/terminal/drop-in/drop-in.ts'
import { yamlDocument } from '../src/terminal/format/yaml-text.ts'

type EditFlags = GlobalFlags &
  ChangeOptions & { readonly quiet: boolean; readonly force: boolean; readonly 'force-invalid': boolean }

export default class EditConfig extends HactlCommand {
  static override summary = 'Change the dynamic configuration of a cluster.'
  static override description =
    'Without an option that says what to change, an editor is opened ($VISUAL, $EDITOR, else editor, else ' +
    'vi). The new document is validated, the leader is asked about PostgreSQL parameters that change, a ' +
    'diff is shown, and it is stored only if nobody changed it meanwhile. Options are applied in the order' +
    ' --replace, --apply, --set, --pg.'
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
    const connected = await connect(flags)
    if (!connected.ok) return this.fail(flags.json, connected.failure)
    const operator = connected.value
    const cluster = chooseCluster(operator, args.cluster)
    if (!cluster.ok) return this.fail(flags.json, cluster.failure)
    const read = flags.replace === undefined ? showConfig : configToReplace
    const before = await read(operator, cluster.value, flags.timeout ?? READ_TIMEOUT_MS)
    const result = before.ok
      ? await this.#edit(operator, before.value, flags)
      : failed<EditReport>(before.failure)
    if (result.ok) await operator.store.close()
    this.conclude(flags.json, result, report =>
      report.stored
        ? 'Configuration changed\n'
        : report.changed || (isPatronictl() && flags.quiet)
          ? ''
          : 'Not changed\n',
    )
  }

  async #edit(operator: Operator, before: ConfigReport, flags: EditFlags): Promise<Result<EditReport>> {
    const advise = adviser(operator, before)
    const wanted = await wantedDocument(before, flags, advise)
    if (!wanted.ok) return failed(wanted.failure)
    const { document, discard, keep } = wanted.value
    const result = await this.#store(operator, before, document, flags, advise)
    // Somebody changed it meanwhile, or etcd did not answer: the typed text is needed again.
    if (result.ok || result.failure.kind === 'declined') await discard()
    else keep()
    return result
  }

  async #store(
    operator: Operator,
    before: ConfigReport,
    document: JsonObject,
    flags: EditFlags,
    advise: Advise,
  ): Promise<Result<EditReport>> {
    const { colouredDiff, unifiedDiff } = await import('../src/terminal/format/diff.ts')
    const diff = unifiedDiff(yamlDocument(before.document), yamlDocument(document))
    const judged = await judgementOf(document)
    const unadvised = {
      cluster: before.cluster,
      changed: diff !== '',
      stored: false,
      diff,
      ...judged,
      document,
    }
    if (!unadvised.changed) return done({ ...unadvised, postgresql: null })
    if (!flags.quiet && !flags.json) process.stdout.write(process.stdout.isTTY ? colouredDiff(diff) : diff)
    const report = withAdvice(unadvised, await advise(document))
    if (!flags.json) process.stderr.write(adviceText(report, flags['force-invalid']))
    if (report.problems.length > 0 && !flags['force-invalid']) {
      return failed({ kind: 'config-invalid', problems: report.problems, isDocument: true }, report)
    }
    if (isPatronictl() && readsStdin(flags) && !flags.force) {
      process.stdout.write('Use --force option to apply changes\n')
      return done(report)
    }
    const refused = await confirm(flags)
    // For patronictl, saying no is not an error.
    if (isPatronictl() && refused?.kind === 'declined') return done(report)
    if (refused !== null) return failed(refused, report)
    const stored = await storeConfig(operator, before, document, flags.timeout ?? READ_TIMEOUT_MS)
    return stored.ok ? done({ ...report, stored: true }) : failed(stored.failure, report)
  }
}

type Advise = (document: JsonObject) => Promise<ParameterAdvice | null>

/** Asks the leader's PostgreSQL about the parameters that change, once per document. null: none does. */
function adviser(operator: Operator, before: ConfigReport): Advise {
  const known = new Map<string, Promise<ParameterAdvice | null>>()
  const ask: Advise = async document => {
    const { isControlled, isOwnParameter } = await import('../src/config/checks/parameter-rules.ts')
    const all = changedParameters(before.document, document)
    // Parameters that must not differ by role are ignored there; a warning says so.
    const isIgnored = ({ section, name }: ChangedParameter) =>
      isOwnParameter(name) || (section !== 'parameters' && isControlled(name))
    const changed = all.filter(each => !isIgnored(each))
    return changed.length === 0 ? null : adviseOnParameters(operator, before.cluster, changed)
  }
  return document => {
    const key = JSON.stringify(document)
    const advice = known.get(key) ?? ask(document)
    known.set(key, advice)
    return advice
  }
}

/** Scripts for patronictl get a warning and nothing more, as before. */
function withAdvice(report: Omit<EditReport, 'postgresql'>, postgresql: ParameterAdvice | null): EditReport {
  if (postgresql === null) return { ...report, postgresql }
  const { problems } = postgresql
  return isPatronictl()
    ? { ...report, postgresql, warnings: [...report.warnings, ...problems] }
    : { ...report, postgresql, problems: [...report.problems, ...problems] }
}

/** Problems that refuse the document are in the error. */
function adviceText({ cluster, warnings, problems, postgresql }: EditReport, acceptInvalid: boolean): string {
  const lines = [...warnings, ...(acceptInvalid ? problems : [])].map(text => `warning: ${text}`)
  if (postgresql?.notAsked && !isPatronictl())
    lines.push(`warning: PostgreSQL was not asked about parameters: ${postgresql.notAsked}`)
  if (postgresql !== null && postgresql.needRestart.length > 0) {
    const [names, members] = [postgresql.needRestart, postgresql.restartPendingOn].map(list =>
      list.join(', '),
    )
    lines.push(
      `note: ${names}: only a restart brings this into force (hactl restart ${cluster}); it will be pending on ` +
        `${members}, unless a member's own configuration sets it`,
    )
  }
  return lines.map(line => `${line}\n`).join('')
}

async function wantedDocument(
  before: ConfigReport,
  flags: EditFlags,
  advise: Advise,
): Promise<Result<Edited>> {
  const changes = await readChanges(flags, readYaml)
  if (!changes.ok) return failed(changes.failure)
  if (changes.value.length > 0) {
    const document = changeDocument(before.document, changes.value)
    return done({ document, discard: async () => {}, keep: () => {} })
  }
  if (!canAsk())
    return failed({
      kind: 'not-a-terminal',
      question: 'What is to change?',
      flags: '--set, --pg, --apply or --replace',
    })
  const name = `${before.cluster}-config.yaml`
  const judge = async (text: string): Promise<Judged> => {
    const judged = await judgeText(text, name)
    if (judged.document === null || judged.problems.length > 0 || isPatronictl()) return judged
    // A value that PostgreSQL would refuse is refused while the editor can still be opened again.
    const advice = await advise(judged.document)
    return { ...judged, problems: advice?.problems ?? [] }
  }
  return editUntilValid({
    text: yamlDocument(before.document),
    name,
    judge,
    acceptInvalid: flags['force-invalid'],
  })
}

async function judgeText(text: string, name: string): Promise<Judged> {
  const { parseYaml } = await import('../src/config/sources/yaml.ts')
  const parsed = await parseYaml(text, name)
  if (parsed.value === undefined) return { document: null, problems: parsed.errors.map(problemText) }
  const document = parsed.value === null ? {} : parsed.value
  if (!isJsonObject(document)) return { document: null, problems: [`${name} is not a mapping (key: value)`] }
  const { problems } = await judgementOf(document, parsed.lines)
  return { document, problems }
}

async function confirm(flags: EditFlags): Promise<Failure | null> {
  if (flags.force) return null
  const question = 'Apply these changes?'
  if (readsStdin(flags) || !canAsk()) return { kind: 'not-a-terminal', question, flags: '--force' }
  const answer = await askYesNo(question)
  if (!answer.ok) return answer.failure
  return answer.value ? null : { kind: 'declined', what: 'the change of the configuration' }
}

async function readYaml(text: string) {
  const { parseYaml } = await import('../src/config/sources/yaml.ts')
  const { value, errors } = await parseYaml(text, null)
  return value === undefined ? { why: errors.map(problemText).join('; ') } : { value }
}

/** Errors and warnings that an agent would have, by name, and by line where there is one. */
async function judgementOf(
  document: JsonObject,
  lines: ReadonlyMap<string, number> = new Map(),
): Promise<Pick<EditReport, 'problems' | 'warnings'>> {
  const { readDynamicSettings } = await import('../src/config/dynamic.ts')
  const read = readDynamicSettings(document, null)
  const text = (problem: Problem) => {
    const line = problem.path === null ? undefined : lines.get(problem.path)
    return line === undefined ? problemText(problem) : `line ${line}: ${problemText(problem)}`
  }
  return { problems: read.ok ? [] : read.errors.map(text), warnings: read.warnings.map(text) }
}
