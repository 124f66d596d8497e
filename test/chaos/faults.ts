import { setTimeout as pause } from 'node:timers/promises'
import { eventually } from '../support/eventually'
import type { RedisServer } from '../support/redis-server'
import type { ProxyConnection } from '../support/tcp-proxy'
import { type Life, now, type Recorder } from './history'
import type { PlannedFault } from './plan'
import { Random } from './random'
import { forgetDisk, isListener, type Topology } from './topology'
import type { Worker } from './workers'

/** What faults are done to. */
export interface World {
  readonly topology: Topology
  readonly workers: readonly Worker[]
  readonly recorder: Recorder
  readonly isWriting: () => boolean
}

/** What is to be said of a fault when it is over. */
interface Outcome {
  /** When it took effect, if that was not at once. */
  readonly from?: number
  /** Whether Redis answered nothing at all to the target meanwhile. */
  readonly silent?: boolean
  readonly life?: Life
  readonly note?: string
}

/** Does one fault and undoes it; resolves when the world is whole again as far as this fault is concerned. */
export async function commit(fault: PlannedFault, world: World): Promise<void> {
  const { name, target } = fault
  const began = now()
  let outcome: Outcome = {}
  let note: string | undefined
  try {
    outcome = await deed(fault, world)
    note = outcome.note
  } catch (error) {
    // A server that is busy loading, say. The report tells how many faults were done.
    note = `failed: ${String(error)}`
  }
  world.recorder.note({
    type: 'fault',
    name,
    from: outcome.from ?? began,
    until: now(),
    silent: outcome.silent ?? false,
    ...(outcome.life === undefined ? {} : { life: outcome.life }),
    ...(target === undefined ? {} : { target }),
    ...(note === undefined ? {} : { note }),
  })
}

async function deed(fault: PlannedFault, world: World): Promise<Outcome> {
  const { topology, workers, recorder } = world
  const { forMs } = fault
  const random = new Random(fault.seed)
  const worker = workers[fault.target ?? 0]!
  const proxies = fault.target === undefined ? [] : topology.proxiesOf(fault.target)
  const connections = proxies.flatMap((proxy) => proxy.connections)
  const listeners = connections.filter(isListener)
  const data = connections.filter((connection) => !isListener(connection))
  const failover = topology.failovers[fault.name]
  if (failover !== undefined) {
    const undone = await failover(random)
    if (undone !== undefined) recorder.note({ type: 'loss', ...undone, isFailover: true })
    return {}
  }
  const primaries = await topology.primaries()
  const server = random.pick(primaries)
  const isAlone = primaries.length === 1
  const life = worker.by
  switch (fault.name) {
    case 'cut listener':
      for (const connection of listeners) connection.cut()
      return {}
    case 'cut data':
      for (const connection of data) connection.cut()
      return {}
    case 'cut all':
      for (const connection of connections) connection.cut()
      return {}
    case 'refuse':
      for (const proxy of proxies) proxy.refuse()
      for (const proxy of proxies) proxy.cut()
      await pause(forMs)
      await Promise.all(proxies.map((proxy) => proxy.accept()))
      return { silent: true }
    case 'hold listener':
      await held(listeners, forMs, random)
      return {}
    case 'hold data':
      return { life, silent: await held(data, forMs, random) }
    case 'hold all':
      for (const proxy of proxies) proxy.hold()
      await pause(forMs)
      for (const proxy of proxies) proxy.release()
      return { silent: true }
    case 'slow network': {
      const ms = random.between(5, 120)
      for (const proxy of proxies) proxy.delay(ms)
      await pause(forMs)
      for (const proxy of proxies) proxy.delay(0)
      return { note: `${Math.round(ms)} ms each way` }
    }
    case 'pause process':
      worker.pause()
      await pause(forMs)
      worker.resume()
      return {}
    case 'kill process':
      await eventually(() => worker.isReading, { within: 400, what: 'a load' }).catch(() => {})
      await worker.kill()
      await pause(forMs)
      await worker.start(world.isWriting())
      return {}
    case 'freeze':
      server.freeze()
      // Longer, and another would take its place: that is a fault of its own.
      await pause(topology.failovers.failover === undefined ? forMs : Math.min(forMs, 400))
      server.resume()
      return { silent: isAlone }
    case 'restart empty':
      await server.kill()
      await forgetDisk(server)
      await pause(forMs)
      await server.start()
      return { silent: isAlone }
    case 'restart from disk': {
      const since = now()
      await server.command('SAVE')
      await pause(forMs)
      const from = now()
      await server.kill()
      await pause(forMs / 4)
      await server.start()
      recorder.note({ type: 'loss', since, until: now() })
      await forgetDisk(server)
      return {
        from,
        silent: isAlone,
        note: `as it was ${Math.round(from - since)} ms before`,
      }
    }
    case 'flush all':
      await each(topology, (its) => its.command('FLUSHALL'))
      return {}
    case 'foreign delete': {
      const keys: string[] = []
      for (let count = 0; count < 6; count += 1) {
        const key = await server.command('RANDOMKEY')
        if (typeof key === 'string' && (await server.command('DEL', key)) === 1) keys.push(key)
      }
      return { note: keys.join(' ') }
    }
    case 'squeeze memory':
      return await squeezed(server, 'allkeys-random', forMs)
    case 'full memory':
      return await squeezed(server, 'noeviction', forMs)
    case 'forget scripts':
      await each(topology, (its) => its.command('SCRIPT', 'FLUSH'))
      return {}
    case 'small tracking table':
      await each(topology, (its) => its.command('CONFIG', 'SET', 'tracking-table-max-keys', '5'))
      await pause(forMs)
      await each(topology, (its) => its.command('CONFIG', 'SET', 'tracking-table-max-keys', '1000000'))
      return {}
    case 'kill clients':
      await server.command('CLIENT', 'KILL', 'TYPE', random.pick(['normal', 'pubsub']))
      return {}
    default:
      throw new Error(`${fault.name} cannot be done to this topology`)
  }
}

/** Holds connections in one direction or both; answers whether nothing came back from the server meanwhile. */
async function held(connections: readonly ProxyConnection[], forMs: number, random: Random): Promise<boolean> {
  const direction = random.pick(['toServer', 'toClient', undefined] as const)
  for (const connection of connections) connection.hold(direction)
  await pause(forMs)
  for (const connection of connections) connection.release(direction)
  return connections.length > 0
}

async function squeezed(server: RedisServer, policy: string, forMs: number): Promise<Outcome> {
  // A little less than is in use: some keys go, or no more are taken, until the limit is lifted.
  const used = Number(/used_memory:(\d+)/.exec(String(await server.command('INFO', 'memory')))![1])
  await server.command('CONFIG', 'SET', 'maxmemory-policy', policy)
  await server.command('CONFIG', 'SET', 'maxmemory', `${used - 1_000}`)
  await pause(forMs)
  await server.command('CONFIG', 'SET', 'maxmemory', '0')
  return {}
}

async function each(topology: Topology, act: (server: RedisServer) => Promise<unknown>): Promise<void> {
  await Promise.all((await topology.primaries()).map(act))
}
