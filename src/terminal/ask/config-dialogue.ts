// `hactl edit-config` with a person: what is to change, by options or in an editor until it is valid; the diff, the leader's advice on
// PostgreSQL parameters, a confirmation, and the write.

import { changeDocument, type EditReport, storeConfig } from '../../admin/config/edit-config.ts'
import {
  adviseOnParameters,
  type ChangedParameter,
  changedParameters,
  type ParameterAdvice,
} from '../../admin/config/parameter-advice.ts'
import type { ConfigReport } from '../../admin/config/show-config.ts'
import { adviseOnSynchronousMode, type SynchronousAdvice } from '../../admin/config/synchronous-advice.ts'
import { timingOfPatroni } from '../../admin/config/timing-advice.ts'
import type { Operator } from '../../admin/use-case.ts'
import type { Json, JsonObject } from '../../model/cluster/cluster.ts'
import { done, type Failure, failed, type Result } from '../../model/command/failure.ts'
import { printableData } from '../../model/command/printable.ts'
import { isJsonObject } from '../../model/settings/patch.ts'
import { type GlobalFlags, READ_TIMEOUT_MS } from '../command.ts'
import { isPatronictl } from '../drop-in/drop-in.ts'
import { yamlDocument } from '../format/yaml-text.ts'
import { toStderr, toStdout } from '../print.ts'
import { type ChangeOptions, readChanges, readsStdin } from './config-changes.ts'
import { type Edited, editUntilValid, type Judged } from './edit-until-valid.ts'
import { askYesNo, canAsk } from './questions.ts'

type EditFlags = GlobalFlags &
  ChangeOptions & { readonly quiet: boolean; readonly force: boolean; readonly 'force-invalid': boolean }

/** Paths of a document, and their lines in the text that it came from. */
type LineNumbers = ReadonlyMap<string, number>

/** What the room of the configuration knows, and this one does not. */
export interface ConfigRules {
  /** `name` of the text in its problems; null: it has none. */
  readonly readYaml: (
    text: string,
    name: string | null,
  ) => Promise<
    | { readonly value: Json; readonly lines: LineNumbers; readonly problems: null }
    | { readonly problems: readonly string[] }
  >
  /** What an agent would refuse, and what it would warn of, by name, and by line where there is one. */
  readonly judge: (
    document: JsonObject,
    lines: LineNumbers | null,
  ) => Promise<Pick<EditReport, 'problems' | 'warnings'>>
  /** Of which parameters an agent takes no notice. */
  readonly ignoredParameters: () => Promise<(changed: ChangedParameter) => boolean>
}

export async function editConfiguration(
  operator: Operator,
  before: ConfigReport,
  flags: EditFlags,
  rules: ConfigRules,
): Promise<Result<EditReport>> {
  const advise = adviser(operator, before, rules)
  const wanted = await wantedDocument(before, flags, rules, advise)
  if (!wanted.ok) return failed(wanted.failure)
  const { document, discard, keep } = wanted.value
  const result = await store(operator, before, document, flags, { rules, advise })
  // Somebody changed it meanwhile, or etcd did not answer: the typed text is needed again.
  if (result.ok || result.failure.kind === 'declined') await discard()
  else keep()
  return result
}

async function store(
  operator: Operator,
  before: ConfigReport,
  document: JsonObject,
  flags: EditFlags,
  { rules, advise }: { readonly rules: ConfigRules; readonly advise: Advise },
): Promise<Result<EditReport>> {
  const { colouredDiff, unifiedDiff } = await import('../format/diff.ts')
  const diff = unifiedDiff(yamlDocument(before.document), yamlDocument(document))
  const judged = withTiming(await rules.judge(document, null), before, document, flags)
  const unadvised = {
    cluster: before.cluster,
    changed: diff !== '',
    stored: false,
    diff,
    ...judged,
    notes: [],
    document,
  }
  if (!unadvised.changed) return done({ ...unadvised, postgresql: null })
  if (!flags.quiet && !flags.json) toStdout(diff, colouredDiff)
  const synchronous = await adviseOnSynchronousMode(operator, before.cluster, before.document, document)
  const report = withSynchronous(withAdvice(unadvised, await advise(document)), synchronous)
  if (!flags.json) toStderr(adviceText(printableData(report), flags['force-invalid']))
  if (report.problems.length > 0 && !flags['force-invalid']) {
    return failed({ kind: 'config-invalid', problems: report.problems, isDocument: true }, report)
  }
  if (isPatronictl() && readsStdin(flags) && !flags.force) {
    toStdout('Use --force option to apply changes\n')
    return done(report)
  }
  const refused = refusedTiming(before, report, flags) ?? (await confirm(flags))
  // For patronictl, saying no is not an error.
  if (isPatronictl() && refused?.kind === 'declined') return done(report)
  if (refused !== null) return failed(refused, report)
  const stored = await storeConfig(operator, before, document, flags.timeout ?? READ_TIMEOUT_MS)
  return stored.ok ? done({ ...report, stored: true }) : failed(stored.failure, report)
}

type Advise = (document: JsonObject) => Promise<ParameterAdvice | null>

/** Asks the leader's PostgreSQL about the parameters that change, once per document. null: none does. */
function adviser(operator: Operator, before: ConfigReport, rules: ConfigRules): Advise {
  const known = new Map<string, Promise<ParameterAdvice | null>>()
  const ask: Advise = async document => {
    const all = changedParameters(before.document, document)
    const isIgnored = await rules.ignoredParameters()
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

function withSynchronous(report: EditReport, { problems, warnings, notes }: SynchronousAdvice): EditReport {
  const refused = isPatronictl() ? [] : problems
  return {
    ...report,
    problems: [...report.problems, ...refused],
    warnings: [...report.warnings, ...warnings, ...(isPatronictl() ? problems : [])],
    notes,
  }
}

/** A mixed cluster is as slow as its slowest member: whoever asks for a fast one has to know that. */
function withTiming<T extends Pick<EditReport, 'warnings'>>(
  judged: T,
  before: ConfigReport,
  document: JsonObject,
  { force }: EditFlags,
): T {
  // Without --force it is an error, and said once.
  const warning = isPatronictl() || !force ? null : timingOfPatroni(before, document)
  return warning === null ? judged : { ...judged, warnings: [...judged.warnings, warning] }
}

function refusedTiming(before: ConfigReport, { document }: EditReport, flags: EditFlags): Failure | null {
  const reason = isPatronictl() || flags.force ? null : timingOfPatroni(before, document)
  if (reason === null) return null
  return {
    kind: 'refused',
    action: 'changing the timing',
    reason,
    hint: 'choose --profile balanced or wide while a member runs Patroni, or store it all the same with --force.',
  }
}

/** Problems that refuse the document are in the error. */
function adviceText(
  { cluster, warnings, problems, notes, postgresql }: EditReport,
  acceptInvalid: boolean,
): string {
  const lines = [...warnings, ...(acceptInvalid ? problems : [])].map(text => `warning: ${text}`)
  if (postgresql?.notAsked && !isPatronictl())
    lines.push(`warning: PostgreSQL was not asked about parameters: ${postgresql.notAsked}`)
  if (postgresql !== null && postgresql.needRestart.length > 0) {
    const [names, members] = [postgresql.needRestart, postgresql.restartPendingOn].map(list =>
      list.join(', '),
    )
    lines.push(
      `note: ${names}: only a restart brings this into force (hactl restart ${cluster}); it will be pending on ${members}, unless a member's own configuration sets it`,
    )
  }
  lines.push(...notes.map(text => `note: ${text}`))
  return lines.map(line => `${line}\n`).join('')
}

async function wantedDocument(
  before: ConfigReport,
  flags: EditFlags,
  rules: ConfigRules,
  advise: Advise,
): Promise<Result<Edited>> {
  const changes = await readChanges(flags, text => readWhole(text, rules))
  if (!changes.ok) return failed(changes.failure)
  if (changes.value.length > 0) {
    const document = changeDocument(before.document, changes.value)
    return done({ document, discard: async () => {}, keep: () => {} })
  }
  if (!canAsk())
    return failed({
      kind: 'not-a-terminal',
      question: 'What is to change?',
      flags: '--set, --pg, --profile, --apply or --replace',
    })
  const name = `${before.cluster}-config.yaml`
  const judge = async (text: string): Promise<Judged> => {
    const judged = await judgeText(text, name, rules)
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

async function judgeText(text: string, name: string, rules: ConfigRules): Promise<Judged> {
  const read = await rules.readYaml(text, name)
  if (read.problems !== null) return { document: null, problems: read.problems }
  const document = read.value === null ? {} : read.value
  if (!isJsonObject(document)) return { document: null, problems: [`${name} is not a mapping (key: value)`] }
  const { problems } = await rules.judge(document, read.lines)
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

async function readWhole(
  text: string,
  { readYaml }: ConfigRules,
): Promise<{ readonly value: Json } | { readonly why: string }> {
  const read = await readYaml(text, null)
  return read.problems === null ? { value: read.value } : { why: read.problems.join('; ') }
}
