// The columns, cells, tree and footer of `list` and `topology`, exactly as patronictl shows them
// (spec/interfaces.md 2.3): titles instead of names, lags in whole MB, empty texts for what is not known.

import { formatAddress } from '../../model/address.ts'
import type { Json } from '../../model/cluster/cluster.ts'
import { describeNote } from '../../model/cluster/drained-member.ts'
import { printableData } from '../../model/command/printable.ts'
import type { ClusterReport, LostMember, MemberReport, Position } from '../../model/command/report.ts'
import { isJsonObject } from '../../model/settings/patch.ts'
import { pythonText, roundHalfEven } from '../../model/settings/values.ts'
import type { Bytes } from '../../model/units.ts'
import { replicatesFrom } from '../../wire/tags.ts'
import { parseInstant } from '../../wire/times.ts'
import { inPatronictlsWords, isPatronictl } from '../drop-in/drop-in.ts'
import { localTime } from '../format/line-time.ts'
import { yamlDocument, yamlFlow } from '../format/yaml-text.ts'
import { type Cell, type Column, formatListing, type Listing, readerOf } from './listing.ts'
import { capitalised, memberFooter } from './member-footer.ts'

export type MemberFormat = 'pretty' | 'topology' | 'tsv' | 'json' | 'yaml' | 'yml'

const OPTIONAL = ['Pending restart', 'Pending restart reason', 'Scheduled restart', 'Tags'] as const
/** hactl's own column: shown only when it has a value, so that the table is otherwise patronictl's. */
const PROBLEM = 'Problem'
const DRAINED = 'Drained'

/** One cluster as text with its line ends; only the formats for people have the footer. */
export function clusterText(all: ClusterReport, format: MemberFormat, extended: boolean): string {
  const words = isPatronictl() ? inPatronictlsWords(all) : all
  const report = readerOf(format) === 'people' ? printableData(words) : words
  const footer = format === 'pretty' || format === 'topology' ? memberFooter(report) : []
  return (
    formatListing(memberListing(report, format, extended), format) + footer.map(line => `${line}\n`).join('')
  )
}

/** `extended`: show the optional columns also when every member's cell is empty. */
function memberListing(report: ClusterReport, format: MemberFormat, extended: boolean): Listing {
  const forPeople = format === 'pretty' || format === 'topology'
  const members =
    format === 'topology' ? tree(report.members) : report.members.map(member => ({ member, prefix: '' }))
  const withPort = needsPort(report.members)
  const records = members.map(
    ({ member, prefix }): Record<string, Cell> => ({
      ...mainCells(report.cluster, member, prefix, withPort),
      ...(forPeople ? progressCell(member) : {}),
      ...optionalCells(member, format),
      [PROBLEM]: problemCell(member, forPeople),
      [DRAINED]: member.drained === null ? '' : inLines(describeNote(member.drained), forPeople),
    }),
  )
  if (forPeople && !isPatronictl()) records.push(...report.lostMembers.map(lostCells))
  const says = (title: string): boolean => records.some(record => (record[title] ?? '') !== '')
  const shown = [...OPTIONAL.filter(title => extended || says(title)), ...[DRAINED, PROBLEM].filter(says)]
  const keys = [...(forPeople ? [] : ['Cluster']), ...MAIN, ...shown]
  return {
    title: titleOf(report),
    columns: keys.map(key => columnOf(key, forPeople)),
    rows: records.map(record => keys.map(key => record[key] ?? '')),
    omitEmpty: true,
  }
}

function lostCells({ name, slot, since, slotUntil }: LostMember): Record<string, Cell> {
  const shown = (time: string | null): string => {
    const wallMs = parseInstant(time)
    return wallMs === null ? '' : localTime(wallMs)
  }
  const [from, until] = [shown(since), shown(slotUntil)]
  // On the same day the time alone is enough.
  const end = until.slice(0, 10) === from.slice(0, 10) ? until.slice(11) : until
  const gone = from === '' ? 'gone' : `gone since ${from}`
  return { Member: name ?? slot, State: `${gone} (slot ${end === '' ? 'kept' : `until ${end}`})` }
}

const MAIN = [
  'Member',
  'Host',
  'Role',
  'State',
  'TL',
  'Receive LSN',
  'Receive Lag',
  'Replay LSN',
  'Replay Lag',
]
const RIGHT = new Set(['TL', 'Receive LSN', 'Receive Lag', 'Replay LSN', 'Replay Lag'])

function columnOf(key: string, forPeople: boolean): Column {
  const title = forPeople && key.endsWith(' Lag') ? 'Lag' : key
  return { title, align: RIGHT.has(key) ? 'right' : 'left' }
}

function titleOf(report: ClusterReport): string {
  return ` Cluster: ${report.cluster} (${report.systemIdentifier ?? report.state}) `
}

function mainCells(
  cluster: string,
  member: MemberReport,
  prefix: string,
  withPort: boolean,
): Record<string, Cell> {
  const follows = member.role !== 'leader'
  const standby = !member.holdsLeaderKey
  const [receive, replay] = positionsOf(member)
  return {
    Cluster: cluster,
    Member: prefix + member.name,
    Host: member.host === null ? '' : withPort ? withPortText(member.host, member.port ?? 5432) : member.host,
    Role: member.role.split('_').map(capitalised).join(' '),
    State: ((follows ? member.replicationState : null) || stateOf(member)) + silence(member),
    TL: member.timeline ?? '',
    'Receive LSN': standby ? (receive.at?.lsn ?? 'unknown') : '',
    'Receive Lag': standby ? megabytes(receive) : '',
    'Replay LSN': standby ? (replay.at?.lsn ?? 'unknown') : '',
    'Replay Lag': standby ? megabytes(replay) : '',
  }
}

/** `creating replica (54 %)`. patronictl has no such words. */
function progressCell(member: MemberReport): Record<string, Cell> {
  const { copiedPercent, state } = member
  if (copiedPercent === null || isPatronictl()) return {}
  return { State: `${state} (${copiedPercent} %)${silence(member)}` }
}

/** patronictl puts no brackets around an IPv6 address. */
function withPortText(host: string, port: number): string {
  return isPatronictl() ? `${host}:${port}` : formatAddress({ host, port })
}

/** Patroni has no words for a server that refuses or ignores connections: its *running* alone would mislead. */
function stateOf({ state, problemId }: MemberReport): string {
  if (state !== 'running') return state
  if (problemId === 'no-access') return 'running, no access'
  return problemId === 'no-answer' ? 'running, no answer' : state
}

/** The state in etcd of a member that does not answer may be out of date. */
function silence({ answers }: MemberReport): string {
  return answers === false ? ' (no answer)' : ''
}

interface Place {
  readonly at: Position | null
  readonly lagBytes: Bytes | null
}

/** Members older than Patroni 4.1 publish only one position; their state says which column it belongs to. */
function positionsOf(member: MemberReport): readonly [receive: Place, replay: Place] {
  const nowhere: Place = { at: null, lagBytes: null }
  const both = { at: member.position, lagBytes: member.lagBytes }
  if (member.received === null && member.replayed === null) {
    return member.replicationState === 'streaming' ? [both, nowhere] : [nowhere, both]
  }
  return [
    { at: member.received, lagBytes: member.receiveLagBytes },
    { at: member.replayed, lagBytes: member.replayLagBytes },
  ]
}

function megabytes(place: Place): Cell {
  return place.at === null ? '' : roundHalfEven(Number(place.lagBytes ?? 0n) / 1024 / 1024)
}

/** Ports are shown for all members as soon as one is not 5432 or two members share a host. */
function needsPort(members: readonly MemberReport[]): boolean {
  const hosts = members.flatMap(member => (member.host === null ? [] : [member.host]))
  return (
    members.some(member => member.port !== null && member.port !== 5432) || new Set(hosts).size < hosts.length
  )
}

function optionalCells(member: MemberReport, format: MemberFormat): Record<string, Cell> {
  const schedule = member.scheduledRestart
  const version = schedule?.postgres_version
  const ifVersion = typeof version === 'string' && version !== '' ? ` if version < ${version}` : ''
  return {
    'Pending restart': member.pendingRestart ? '*' : '',
    'Pending restart reason': restartReason(member, format),
    'Scheduled restart': schedule === null ? '' : `${pythonText(schedule.schedule ?? null)}${ifVersion}`,
    Tags: tagsCell(member.tags, format),
  }
}

const REASON_LENGTH_MAX = 50

function restartReason(member: MemberReport, format: MemberFormat): string {
  const forPeople = format === 'pretty' || format === 'topology'
  return Object.entries(member.pendingRestartReason ?? {})
    .map(([name, change]) => {
      const values = isJsonObject(change) ? change : {}
      const line = `${name}: ${pythonText(values.old_value ?? null)}->${pythonText(values.new_value ?? null)}`
      return forPeople && line.length > REASON_LENGTH_MAX ? `${name}: [hidden - too long]` : line
    })
    .join('\n')
}

/** Folded into lines that fit beside the other columns. */
const PROBLEM_WIDTH = 50

function problemCell({ problem }: MemberReport, forPeople: boolean): string {
  return problem === null ? '' : inLines(problem, forPeople)
}

function inLines(text: string, forPeople: boolean): string {
  if (!forPeople) return text
  const lines: string[] = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line !== '' && line.length + 1 + word.length > PROBLEM_WIDTH) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.join('\n')
}

function tagsCell(tags: Readonly<Record<string, Json>>, format: MemberFormat): Cell {
  if (Object.keys(tags).length === 0) return ''
  if (format === 'pretty') return yamlDocument(tags).trimEnd()
  return format === 'tsv' || format === 'topology' ? yamlFlow(tags) : tags
}

interface Branch {
  readonly member: MemberReport
  readonly prefix: string
}

/** The leader, then its replicas, each followed by those that replicate from it. Nobody is left out. */
function tree(members: readonly MemberReport[]): readonly Branch[] {
  const leader = members.find(member => member.holdsLeaderKey)
  const replicas = members.filter(member => member !== leader)
  const upstreamOf = (member: MemberReport) => {
    const named = replicatesFrom(member.tags)
    return replicas.find(other => other.name === named && other !== member)?.name ?? null
  }
  const shown = new Set<string>()
  const below = (upstream: string | null, level: number): readonly Branch[] =>
    replicas
      .filter(member => upstreamOf(member) === upstream && !shown.has(member.name))
      .flatMap(member => {
        shown.add(member.name)
        return [{ member, prefix: `${'  '.repeat(level - 1)}+ ` }, ...below(member.name, level + 1)]
      })
  const placed = below(null, 1)
  // Members that follow each other in a ring are not below the leader; they are shown all the same.
  const rings = replicas.filter(member => !shown.has(member.name)).map(member => ({ member, prefix: '+ ' }))
  return [...(leader === undefined ? [] : [{ member: leader, prefix: '' }]), ...placed, ...rings]
}
