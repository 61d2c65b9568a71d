// What may happen in a scenario, in an operator's words. Durations end by themselves; without one it stays as it is.

import { serialiseDrain } from '../../src/wire/drain-record.ts'
import { drainKey } from '../../src/wire/keys.ts'
import type { Machine } from '../simulation/machine/machine.ts'
import { absoluteKey } from '../simulation/store/store.ts'
import type { World } from '../simulation/world.ts'

type Words = Readonly<Record<string, string>>

interface Form {
  readonly pattern: RegExp
  /** Does it, and says how it ends. */
  readonly begin: (world: World, words: Words) => () => void
}

const NODE = '(?<node>pg\\d)'
const nothing = (): void => {}

const PROCESSES: readonly Form[] = [
  form(`kill postgres of ${NODE}`, (world, { node }) => {
    named(world, node).killServer()
    return nothing
  }),
  form(`freeze postgres of ${NODE}`, (world, { node }) => {
    const { server } = named(world, node)
    server?.freeze()
    return () => server?.thaw()
  }),
  form(`kill agent of ${NODE}`, (world, { node }) => {
    const machine = named(world, node)
    machine.killAgent()
    return () => machine.startAgent()
  }),
  form(`stop agent of ${NODE}`, (world, { node }) => {
    const machine = named(world, node)
    machine.agent?.requestStop()
    return () => machine.startAgent()
  }),
  form(`start agent of ${NODE}`, (world, { node }) => {
    named(world, node).startAgent()
    return nothing
  }),
  form(`freeze agent of ${NODE}`, (world, { node }) => {
    const { agent } = named(world, node)
    agent?.process.stop()
    return () => agent?.process.goOn()
  }),
  form(`freeze agent and fencer of ${NODE}`, (world, { node }) => {
    const machine = named(world, node)
    machine.freeze()
    return () => machine.goOn()
  }),
  form(`kill agent and fencer of ${NODE}`, (world, { node }) => {
    const machine = named(world, node)
    machine.killAgent()
    for (const fencer of [...machine.fencers]) fencer.kill()
    machine.fencerKilledAtMs = world.nowMs
    return () => machine.startAgent()
  }),
  form(`kill fencer of ${NODE}`, (world, { node }) => {
    const machine = named(world, node)
    for (const fencer of [...machine.fencers]) fencer.kill()
    machine.fencerKilledAtMs = world.nowMs
    return nothing
  }),
  form(`lose the machine of ${NODE}`, (world, { node }) => {
    const machine = named(world, node)
    machine.powerOff()
    return () => machine.powerOn()
  }),
  form(`bring back the machine of ${NODE}`, (world, { node }) => {
    named(world, node).powerOn()
    return nothing
  }),
]

const SLOWNESS: readonly Form[] = [
  form(`slow disk of ${NODE}, (?<factor>\\d+) times`, (world, { node, factor }) => {
    const machine = named(world, node)
    machine.slowness = Number(factor)
    return () => {
      machine.slowness = 1
    }
  }),
  form(`the disk of ${NODE} is full`, (world, { node }) => {
    const machine = named(world, node)
    machine.fullDisk = true
    return () => {
      machine.fullDisk = false
    }
  }),
  form(`the disk of ${NODE} hangs`, (world, { node }) => {
    const machine = named(world, node)
    machine.hungDisk = true
    return () => {
      machine.hungDisk = false
    }
  }),
  form(`queries hang on ${NODE}`, (world, { node }) => {
    const machine = named(world, node)
    machine.hangsQueries = true
    return () => {
      machine.hangsQueries = false
    }
  }),
  form(`postgres does not start on ${NODE}`, (world, { node }) => {
    const machine = named(world, node)
    machine.failsStarts = true
    return () => {
      machine.failsStarts = false
    }
  }),
  form(`no rewind can succeed on ${NODE}`, (world, { node }) => {
    const machine = named(world, node)
    machine.failsRewinds = true
    return () => {
      machine.failsRewinds = false
    }
  }),
  form(`copies to ${NODE} break off`, (world, { node }) => {
    const machine = named(world, node)
    machine.breaksCopies = true
    return () => {
      machine.breaksCopies = false
    }
  }),
  form(`replication to ${NODE} is (?<lag>[\\d.]+)s late`, (world, { node = '', lag }) => {
    world.lags.set(node, Number(lag) * 1000)
    return () => world.lags.delete(node)
  }),
]

const TIMELINES: readonly Form[] = [
  form('whoever is promoted next freezes at once, (?<time>\\d+)s', (world, { time }) => {
    for (const machine of world.machines) machine.freezesAtPromotionForMs = Number(time) * 1000
    return nothing
  }),
  form('the record of promotions is lost', world => {
    world.forgetPromotions()
    return nothing
  }),
  form(`${NODE} hides its WAL`, (world, { node }) => {
    const machine = named(world, node)
    machine.hidesWal = true
    return () => {
      machine.hidesWal = false
    }
  }),
  form(`the WAL of ${NODE} is recycled`, (world, { node }) => {
    const { data } = named(world, node)
    if (data !== null) data.keptFrom = data.lsn
    return nothing
  }),
  form(`the state directory of ${NODE} is lost`, (world, { node }) => {
    named(world, node).origins = null
    return nothing
  }),
  form(`${NODE} lets nobody in for replication`, (world, { node }) => {
    const machine = named(world, node)
    machine.refusesReceivers = true
    machine.server?.dropReceivers()
    return () => {
      machine.refusesReceivers = false
    }
  }),
]

const NETWORK: readonly Form[] = [
  form(`cut ${NODE} from everything`, (world, { node = '' }) => {
    const others = ['etcd', ...world.machines.map(machine => machine.name)].filter(name => name !== node)
    return cut(
      world,
      others.flatMap(other => [
        [node, other],
        [other, node],
      ]),
    )
  }),
  form(`cut ${NODE} from (?<other>pg\\d|etcd)`, (world, { node = '', other = '' }) =>
    cut(world, [
      [node, other],
      [other, node],
    ]),
  ),
  form(`cut (?<from>pg\\d|etcd) -> (?<to>pg\\d|etcd)`, (world, { from = '', to = '' }) =>
    cut(world, [[from, to]]),
  ),
  form('etcd is unreliable', world => {
    Object.assign(world.weather, { requestLost: 0.3, answerLost: 0.3, slow: 0.3, slowMs: 500 })
    return () => Object.assign(world.weather, { requestLost: 0, answerLost: 0, slow: 0 })
  }),
  form('etcd is down', world => {
    world.etcd.goDown()
    return () => world.etcd.comeUp()
  }),
]

const OPERATOR: readonly Form[] = [
  form(`operator asks switchover to ${NODE}`, (world, { node }) => request(world, { member: node })),
  form('operator asks switchover', world => request(world, {})),
  form(`operator asks failover to ${NODE}`, (world, { node }) => {
    world.etcd.put(absoluteKey('failover'), JSON.stringify({ member: node }))
    return nothing
  }),
  form('operator deletes the leader key', world => {
    world.etcd.delete(absoluteKey('leader'))
    return nothing
  }),
  form(`operator drains ${NODE}`, (world, { node = '' }) => {
    world.etcd.put(absoluteKey(drainKey(node)), serialiseDrain({ by: 'kim@db1', at: null, reason: null }))
    return () => world.etcd.delete(absoluteKey(drainKey(node)))
  }),
  form(`operator undrains ${NODE}`, (world, { node = '' }) => {
    world.etcd.delete(absoluteKey(drainKey(node)))
    return nothing
  }),
  form('operator writes (?<text>\\S+) into (?<key>[a-z]+)', (world, { key = '', text = '' }) => {
    world.etcd.put(absoluteKey(key), text)
    return nothing
  }),
  form('operator patches the configuration with (?<json>.+)', (world, { json = '{}' }) => {
    const text = world.etcd.get(absoluteKey('config'))?.text ?? '{}'
    world.etcd.put(absoluteKey('config'), JSON.stringify({ ...JSON.parse(text), ...JSON.parse(json) }))
    return nothing
  }),
  form('operator replaces the configuration by (?<json>.+)', (world, { json = '{}' }) => {
    world.etcd.put(absoluteKey('config'), json)
    return nothing
  }),
  form('operator sets (?<key>[a-z_]+) to (?<value>.+)', (world, { key = '', value = '' }) => {
    const text = world.etcd.get(absoluteKey('config'))?.text ?? '{}'
    const parsed = /^\d+$/.test(value) ? Number(value) : value
    world.etcd.put(absoluteKey('config'), JSON.stringify({ ...JSON.parse(text), [key]: parsed }))
    return nothing
  }),
]

const FORMS = [...PROCESSES, ...SLOWNESS, ...TIMELINES, ...NETWORK, ...OPERATOR]

/** Does `text`, e.g. `cut pg1 from etcd for 20s`, when called. Throws at once when nobody understands it. */
export function eventNamed(text: string, world: World): () => void {
  const [, what = text, duration] = /^(.*?)(?: for (\d+(?:\.\d+)?)s)?$/.exec(text) ?? []
  for (const { pattern, begin } of FORMS) {
    const match = pattern.exec(what)
    if (match === null) continue
    const words = match.groups ?? {}
    return () => {
      const end = begin(world, words)
      if (duration !== undefined) world.scheduler.after(Number(duration) * 1000, end)
    }
  }
  throw new Error(`not understood: ${text}`)
}

function form(pattern: string, begin: Form['begin']): Form {
  return { pattern: new RegExp(`^${pattern}$`), begin }
}

function named(world: World, name: string | undefined): Machine {
  const machine = world.machine(name ?? '')
  if (machine === null) throw new Error(`there is no ${name}`)
  return machine
}

function cut(world: World, links: readonly (readonly string[])[]): () => void {
  for (const [from = '', to = ''] of links) world.network.cut(from, to)
  return () => {
    for (const [from = '', to = ''] of links) world.network.mend(from, to)
  }
}

function request(world: World, requested: { readonly member?: string | undefined }): () => void {
  world.etcd.put(absoluteKey('failover'), JSON.stringify({ leader: world.leaderKey(), ...requested }))
  return nothing
}
