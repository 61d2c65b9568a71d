// PostgreSQL's own advice on the parameters that an edit changes. Before anything is stored, the leader is asked which
// of them wait for a restart, which do not exist, and which values it would refuse. Without an answer the edit goes on.

import type { ClusterView, Json, JsonObject, Member } from '../../model/cluster/cluster.ts'
import { type Seen, seen, unseen } from '../../model/seen.ts'
import {
  impossibleValue,
  isInForce,
  PARAMETER_NAME,
  PARAMETER_NAMES_MAX,
  PARAMETER_SECTIONS,
  type ParameterAnswer,
  type ParameterFacts,
  type ParameterSection,
} from '../../model/server/parameter.ts'
import { isJsonObject } from '../../model/settings/patch.ts'
import type { MemberName, Millis } from '../../model/units.ts'
import { callMember } from '../members/member-operation.ts'
import { type Deadline, deadlineIn, type Operator, readWhatIsThere } from '../use-case.ts'

export interface ParameterAdvice {
  /** The leader that was asked; null: nobody answered. */
  readonly asked: MemberName | null
  /** Why nothing is known of the parameters, as a clause; null: they are known. */
  readonly notAsked: string | null
  readonly problems: readonly string[]
  readonly needRestart: readonly string[]
  readonly restartPendingOn: readonly MemberName[]
}

export interface ChangedParameter {
  readonly section: ParameterSection
  readonly name: string
  /** The value as in postgresql.conf; null: the parameter is removed. */
  readonly value: string | null
}

/** Reading etcd and asking the leader, together. */
const ADVICE_LIMIT_MS: Millis = 2000

export function changedParameters(before: JsonObject, after: JsonObject): readonly ChangedParameter[] {
  return PARAMETER_SECTIONS.flatMap(section => {
    const [old, wanted] = [parametersIn(before, section), parametersIn(after, section)]
    const names = new Set([...old.keys(), ...wanted.keys()])
    return [...names]
      .map(name => ({ section, name, was: old.get(name) ?? null, value: wanted.get(name) ?? null }))
      .filter(({ was, value }) => was !== value)
      .map(({ name, value }) => ({ section, name, value }))
  })
}

function parametersIn(document: JsonObject, section: ParameterSection): ReadonlyMap<string, string> {
  const { postgresql } = document
  const parameters = isJsonObject(postgresql) ? postgresql[section] : null
  if (!isJsonObject(parameters)) return new Map()
  return new Map(
    Object.entries(parameters).flatMap(([name, value]): [string, string][] => {
      if (value === null || typeof value === 'object') return []
      return [[name, typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value)]]
    }),
  )
}

export async function adviseOnParameters(
  operator: Operator,
  cluster: string,
  changed: readonly ChangedParameter[],
): Promise<ParameterAdvice> {
  const deadline = deadlineIn(operator.clock, ADVICE_LIMIT_MS)
  // The agents leave out such a name, whatever PostgreSQL says.
  const unusable = changed.filter(({ name, value }) => value !== null && !PARAMETER_NAME.test(name))
  const problems = unusable.map(each => `${path(each)}: is not the name of a parameter`)
  const askable = changed.filter(({ name }) => PARAMETER_NAME.test(name)).slice(0, PARAMETER_NAMES_MAX)
  const silent = { asked: null, problems, needRestart: [], restartPendingOn: [] }
  const read = await readWhatIsThere(operator, cluster, deadline)
  if (!read.ok) return { ...silent, notAsked: 'etcd does not say who leads' }
  const leader = leaderOf(read.value)
  if (leader === null) return { ...silent, notAsked: 'the cluster has no leader' }
  if (askable.length === 0) return { ...silent, notAsked: null }
  const answer = await ask(operator, leader, askable, deadline)
  if (!answer.known) return { ...silent, notAsked: answer.why }
  return {
    asked: leader.name,
    notAsked: changed.length > PARAMETER_NAMES_MAX ? `about more than ${PARAMETER_NAMES_MAX} of them` : null,
    ...judged(answer.value, askable, problems, read.value),
  }
}

function leaderOf({ leader, members }: ClusterView): Member | null {
  return members.find(({ name }) => name === leader?.name) ?? null
}

async function ask(
  operator: Operator,
  leader: Member,
  changed: readonly ChangedParameter[],
  deadline: Deadline,
): Promise<Seen<ParameterAnswer>> {
  const atMs = operator.clock.bootMs()
  const names = [...new Set(changed.map(({ name }) => encodeURIComponent(name)))]
  const path = `/parameters?names=${names.join(',')}`
  const reply = await callMember(operator, leader, { method: 'GET', path, timeoutMs: deadline.leftMs() })
  if (reply.kind === 'unreachable') return unseen(`${leader.name} does not answer: ${reply.why}`)
  const answer = readAnswer(reply.body)
  if (answer !== null) return seen(answer, atMs)
  // Patroni answers any path with its own status, and so does an older hactl.
  const isDocument = reply.body.trim().startsWith('{')
  const why = isDocument ? 'runs Patroni, or an older hactl' : `says: ${reply.body.trim().slice(0, 200)}`
  return unseen(`the leader ${leader.name} ${why}`)
}

function judged(
  { parameters, unknown }: ParameterAnswer,
  changed: readonly ChangedParameter[],
  unusable: readonly string[],
  view: ClusterView,
): Pick<ParameterAdvice, 'problems' | 'needRestart' | 'restartPendingOn'> {
  const facts = new Map(parameters.map(each => [each.name.toLowerCase(), each]))
  const missing = new Map(unknown.map(({ name, similar }) => [name, similar]))
  const problems = [...unusable]
  const waiting: ChangedParameter[] = []
  for (const each of changed) {
    const { name, value } = each
    const known = facts.get(name.toLowerCase())
    const similar = missing.get(name)
    if (known !== undefined) {
      const why = value === null ? null : impossibleValue(known, value)
      if (why !== null) problems.push(`${path(each)}: ${JSON.stringify(value)} ${why}`)
      else if (waitsForRestart(known, each)) waiting.push(each)
    } else if (similar !== undefined && value !== null && !name.includes('.')) {
      const perhaps = similar.length === 0 ? '' : `; perhaps ${similar.join(' or ')} is meant`
      problems.push(`${path(each)}: is unknown to PostgreSQL${perhaps}`)
    }
  }
  const restartPendingOn = view.members
    .filter(member => waiting.some(({ section }) => isMeant(section, member, view)))
    .map(({ name }) => name)
  return { problems, needRestart: [...new Set(waiting.map(({ name }) => name))], restartPendingOn }
}

/** The value in force on the leader says nothing about the values for single roles. */
function waitsForRestart(facts: ParameterFacts, { section, value }: ChangedParameter): boolean {
  if (facts.context !== 'postmaster') return false
  return section !== 'parameters' || value === null || !isInForce(facts, value)
}

function isMeant(section: ParameterSection, { name, record }: Member, { leader }: ClusterView): boolean {
  if (record.state !== 'running') return false
  const isStandbyLeader = record.role === 'standby_leader'
  switch (section) {
    case 'parameters':
      return true
    case 'parameters_primary':
      return name === leader?.name && !isStandbyLeader
    case 'parameters_standby_leader':
      return isStandbyLeader
    case 'parameters_replica':
      return name !== leader?.name
    default:
      return section satisfies never
  }
}

function path({ section, name }: ChangedParameter): string {
  return `postgresql.${section}.${name}`
}

/** null: not an answer to this question. */
function readAnswer(body: string): ParameterAnswer | null {
  let document: Json
  try {
    document = JSON.parse(body) as Json
  } catch {
    return null
  }
  if (!isJsonObject(document)) return null
  const [parameters, unknown] = [document.parameters, document.unknown].map(objectsIn)
  if (parameters === undefined || unknown === undefined || parameters === null || unknown === null)
    return null
  return {
    parameters: parameters.map(factsOf),
    unknown: unknown.map(each => ({ name: text(each.name) ?? '', similar: textsIn(each.similar) ?? [] })),
  }
}

function factsOf(row: JsonObject): ParameterFacts {
  return {
    name: text(row.name) ?? '',
    context: text(row.context) ?? '',
    vartype: text(row.vartype) ?? '',
    unit: text(row.unit),
    min: text(row.min_val),
    max: text(row.max_val),
    enumvals: textsIn(row.enumvals),
    setting: text(row.setting),
  }
}

function objectsIn(value: Json | undefined): readonly JsonObject[] | null {
  return Array.isArray(value) && value.every(isJsonObject) ? value : null
}

function textsIn(value: Json | undefined): readonly string[] | null {
  return Array.isArray(value) ? value.filter(each => typeof each === 'string') : null
}

function text(value: Json | undefined): string | null {
  return typeof value === 'string' ? value : null
}
