import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster'
import { type RedisSentinel, startSentinel } from '../support/redis-sentinel'
import { type RedisServer, startRedis } from '../support/redis-server'
import { natMap, type ProxyConnection, startProxies, type TcpProxy } from '../support/tcp-proxy'
import { now } from './history'
import { type FaultName, failoverFaults, networkFaults, processFaults, serverFaults } from './plan'
import type { Random } from './random'

export const topologyNames = ['single', 'sentinel', 'cluster'] as const
export type TopologyName = (typeof topologyNames)[number]

/** What a failover may have undone: everything the old primary took since, until the new one is what all agree on. */
export interface Undone {
  readonly since: number
  readonly until: number
}

/** The servers, and the network between them and each process. */
export interface Topology {
  readonly faults: readonly FaultName[]
  /** What `redis()` is given in that process. */
  address(process: number): Promise<Readonly<Record<string, unknown>>>
  /** Every way from that process to a server. */
  proxiesOf(process: number): readonly TcpProxy[]
  /** The servers that hold entries at present. */
  primaries(): Promise<readonly RedisServer[]>
  /** What takes another server's place, and what that may have cost. */
  readonly failovers: Readonly<Partial<Record<FaultName, (random: Random) => Promise<Undone | undefined>>>>
  stop(): Promise<void>
}

export function startTopology(name: TopologyName): Promise<Topology> {
  return { single, sentinel, cluster }[name]()
}

/** One proxy for each process and server, so that one process's connections can be cut and held. */
class Network {
  readonly #proxies = new Map<number, ReadonlyMap<number, TcpProxy>>()

  async join(process: number, servers: readonly RedisServer[]): Promise<ReadonlyMap<number, TcpProxy>> {
    const proxies = await startProxies(servers)
    this.#proxies.set(process, proxies)
    return proxies
  }

  of(process: number): readonly TcpProxy[] {
    return [...(this.#proxies.get(process)?.values() ?? [])]
  }

  async close(): Promise<void> {
    await Promise.all([...this.#proxies.keys()].flatMap((process) => this.of(process)).map((proxy) => proxy.close()))
  }
}

async function single(): Promise<Topology> {
  const server = await startRedis()
  const network = new Network()
  return {
    faults: [...networkFaults, ...processFaults, ...serverFaults],
    failovers: {},
    async address(process) {
      const proxies = await network.join(process, [server])
      return { url: proxies.get(server.port)!.url }
    },
    proxiesOf: (process) => network.of(process),
    primaries: async () => [server],
    async stop() {
      await network.close()
      await server.stop()
    },
  }
}

// With others ready to take its place, a server that comes back with another state is a failover, and told as one.
const withoutRestarts = serverFaults.filter((name) => !name.startsWith('restart'))

// Replicas follow within milliseconds; what was acknowledged so long ago has reached them.
const replicationMs = 300

async function sentinel(): Promise<Topology> {
  const house: RedisSentinel = await startSentinel({ replicas: 1 })
  const network = new Network()
  const replaced = async (by: 'kill' | 'freeze' | 'command'): Promise<Undone> => {
    const since = now() - replicationMs
    const old = await house.primary()
    await house.failover({ by })
    if (by === 'kill') await house.start(old)
    if (by === 'freeze') old.resume()
    await house.settled()
    return { since, until: now() }
  }
  return {
    faults: [
      ...networkFaults,
      ...processFaults,
      ...withoutRestarts,
      ...failoverFaults.filter((name) => name !== 'move slots'),
    ],
    failovers: {
      failover: () => replaced('command'),
      'crash failover': () => replaced('kill'),
      'freeze failover': () => replaced('freeze'),
    },
    async address(process) {
      const map = natMap(await network.join(process, house.nodes))
      // As options of ioredis, which translate addresses; the form `sentinels` does not.
      const { sentinels, name } = house
      return { options: { sentinels, name, role: 'master', failoverDetector: true, natMap: map } }
    },
    proxiesOf: (process) => network.of(process),
    primaries: async () => [await house.primary()],
    async stop() {
      await network.close()
      await house.stop()
    },
  }
}

async function cluster(): Promise<Topology> {
  const house: RedisCluster = await startRedisCluster({ masters: 3, replicas: 1 })
  const network = new Network()
  const replaced = async (random: Random, by: 'kill' | 'freeze'): Promise<Undone> => {
    const since = now() - replicationMs
    const old = random.pick(house.masters)
    await house.failover(old, { by })
    if (by === 'kill') await house.start(old)
    else old.resume()
    await house.settled()
    return { since, until: now() }
  }
  return {
    faults: [...networkFaults, ...processFaults, ...withoutRestarts, ...failoverFaults],
    failovers: {
      // The old master waits until the replica has everything: nothing is lost.
      failover: async (random) => {
        await house.takeOver(random.pick(house.replicas))
        await house.settled()
        return undefined
      },
      'crash failover': (random) => replaced(random, 'kill'),
      'freeze failover': (random) => replaced(random, 'freeze'),
      'move slots': async (random) => {
        const keys = random.shuffle(await house.keys('chaos:*')).slice(0, 6)
        for (const slot of new Set(keys.map((key) => house.slotOf(key)))) {
          const from = await house.ownerOf(slot)
          await house.moveSlot(slot, random.pick(house.masters.filter((master) => master !== from)))
        }
        return undefined
      },
    },
    async address(process) {
      const proxies = await network.join(process, house.nodes)
      const seeds = [...proxies.values()].map(({ port }) => ({ host: '127.0.0.1', port }))
      return { cluster: seeds, natMap: natMap(proxies) }
    },
    proxiesOf: (process) => network.of(process),
    primaries: async () => house.masters,
    async stop() {
      await network.close()
      await house.stop()
    },
  }
}

/** Takes away what a server would load when it starts. */
export async function forgetDisk(server: RedisServer): Promise<void> {
  await rm(join(server.dir, 'dump.rdb'), { force: true })
}

/** Whether this is a connection that listens for what changes, and not one that asks. */
export function isListener(connection: ProxyConnection): boolean {
  return /\bsubscribe\b/i.test(connection.sent('toServer'))
}
