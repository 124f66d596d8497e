import { eventually } from './eventually'
import { type RedisServer, startRedis } from './redis-server'
import { type Reply, send } from './resp'

/** How a {@link RedisSentinel} is started. */
export interface RedisSentinelOptions {
  /** @default 3 */
  readonly sentinels?: number
  /** @default 1 */
  readonly replicas?: number
  /** How long the primary may be silent until a sentinel takes it for dead. @default 500 */
  readonly downAfterMs?: number
  /** Further arguments of the servers that are watched. */
  readonly args?: readonly string[]
}

/** What makes the sentinels choose another primary: its death, its silence, or a command to them. */
export type FailoverCause = 'kill' | 'freeze' | 'command'

// Detection, election and promotion take about two seconds, and an election without a winner is repeated.
const patience = 20_000

// A sentinel that is frozen, or its machine busy, must not be what everybody waits for.
const sentinelPatience = 1000

/*
 * How often sentinels ask and tell. They take the same steps as with their own periods, which would make them wait seconds
 * to discover each other and the replicas, and to demote a primary that came back.
 */
const periods = {
  'info-period': 400,
  'ask-period': 200,
  'publish-period': 200,
  'min-link-reconnect-period': 200,
  // A sentinel that was frozen trusts nobody for this long after it; 30 s else.
  'tilt-period': 1000,
}

/** Starts a primary with its replicas and the sentinels that watch it, and waits until these know all of them. */
export async function startSentinel(options: RedisSentinelOptions = {}): Promise<RedisSentinel> {
  const sentinel = new RedisSentinel(options)
  try {
    await sentinel.form()
    return sentinel
  } catch (error) {
    await sentinel.stop()
    throw error
  }
}

/** Real servers on 127.0.0.1 that are watched by real sentinels. */
export class RedisSentinel {
  /** Of the primary, for the sentinels and their clients. */
  readonly name = 'mymaster'
  readonly #options: Required<RedisSentinelOptions>
  readonly #nodes: RedisServer[] = []
  readonly #watchers: RedisServer[] = []

  /** @internal use {@link startSentinel} */
  constructor({ sentinels = 3, replicas = 1, downAfterMs = 500, args = [] }: RedisSentinelOptions) {
    this.#options = { sentinels, replicas, downAfterMs, args }
  }

  /** Where a client may ask for the primary. */
  get sentinels(): { host: string; port: number }[] {
    return this.#watchers.map(({ port }) => ({ host: '127.0.0.1', port }))
  }

  /** The sentinels as servers, to be killed, frozen or asked. */
  get watchers(): readonly RedisServer[] {
    return this.#watchers
  }

  /** The servers that are watched, whatever they are now and whether they run. */
  get nodes(): readonly RedisServer[] {
    return this.#nodes
  }

  /** The server that the sentinels name now. */
  async primary(): Promise<RedisServer> {
    let last: unknown = new Error('no sentinel runs')
    for (const watcher of this.#watchers.filter((each) => each.running)) {
      try {
        return await this.#primaryBy(watcher)
      } catch (error) {
        last = error
      }
    }
    throw last
  }

  /** The running servers that are not the primary. */
  async replicas(): Promise<readonly RedisServer[]> {
    const primary = await this.primary()
    return this.#nodes.filter((node) => node.running && node !== primary)
  }

  /**
   * Makes the sentinels promote a replica, and waits until they all name it and it answers as a master. What it had not
   * received is lost. With `command` the old primary runs on, as a master until the sentinels demote it: {@link settled}
   * waits for that.
   */
  async failover({ by = 'kill' }: { readonly by?: FailoverCause } = {}): Promise<RedisServer> {
    const old = await this.primary()
    if (by === 'kill') await old.kill()
    else if (by === 'freeze') old.freeze()
    else await this.#order()
    return await eventually(
      async () => {
        const primary = await this.#agreed()
        if (primary === old) throw new Error(`the sentinels name port ${old.port} still`)
        const [role] = (await primary.command('ROLE')) as Reply[]
        if (role !== 'master') throw new Error(`port ${primary.port} is a ${role} yet`)
        return primary
      },
      { within: patience, what: 'a replica is promoted' },
    )
  }

  /** Brings a killed server back, and waits until it has its place. */
  async start(node: RedisServer): Promise<void> {
    await node.start()
    await this.settled()
  }

  /** Waits until the sentinels agree and know all that run, and all other servers have what the primary has. */
  async settled(): Promise<void> {
    await eventually(() => this.#whole(), { within: patience, what: 'the sentinels and the servers agree' })
  }

  /** Ends all processes and removes their directories. */
  async stop(): Promise<void> {
    // The sentinels first: they would begin to replace a primary that ends.
    await Promise.all(this.#watchers.map((each) => each.stop()))
    await Promise.all(this.#nodes.map((each) => each.stop()))
  }

  /** @internal */
  async form(): Promise<void> {
    const { sentinels, replicas, args } = this.#options
    // Sent without a disk, a copy is in place before the writes after it begin to arrive: a crash just then loses them.
    const own = ['--repl-diskless-sync', 'no', '--shutdown-timeout', '0']
    await startAll(1 + replicas, this.#nodes, { args: [...own, ...args] })
    const [primary, ...others] = this.#nodes as [RedisServer, ...RedisServer[]]
    for (const replica of others) await replica.command('REPLICAOF', '127.0.0.1', primary.port)
    await eventually(() => this.#linked(primary), { within: patience, what: 'the replicas are linked' })
    await startAll(sentinels, this.#watchers, { sentinel: true })
    for (const watcher of this.#watchers) await this.#watch(watcher, primary)
    await this.settled()
  }

  async #watch(watcher: RedisServer, primary: RedisServer): Promise<void> {
    const { sentinels, downAfterMs } = this.#options
    const settings = {
      'down-after-milliseconds': downAfterMs,
      // An attempt that failed is repeated after twice this time.
      'failover-timeout': Math.max(2 * downAfterMs, 1000),
      'parallel-syncs': this.#nodes.length,
    }
    await watcher.command('SENTINEL', 'DEBUG', ...Object.entries(periods).flat())
    const quorum = Math.floor(sentinels / 2) + 1
    await watcher.command('SENTINEL', 'MONITOR', this.name, '127.0.0.1', primary.port, quorum)
    await watcher.command('SENTINEL', 'SET', this.name, ...Object.entries(settings).flat())
  }

  async #order(): Promise<void> {
    const running = this.#watchers.find((each) => each.running)
    if (running === undefined) throw new Error('no sentinel runs')
    // It refuses while the last failover is not over, and as long as it knows no replica that is fit.
    await eventually(() => running.command('SENTINEL', 'FAILOVER', this.name), {
      within: patience,
      what: 'a sentinel takes the order',
    })
  }

  async #primaryBy(watcher: RedisServer): Promise<RedisServer> {
    const address = await send(watcher.port, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.name], sentinelPatience)
    const port = Number((address as string[])[1])
    const primary = this.#nodes.find((node) => node.port === port)
    if (primary === undefined) throw new Error(`a sentinel names port ${port}, which is not ours`)
    return primary
  }

  /** The primary that all running sentinels name, with no failover under way. */
  async #agreed(): Promise<RedisServer> {
    const named = new Set<RedisServer>()
    for (const watcher of this.#watchers.filter((each) => each.running)) {
      named.add(await this.#primaryBy(watcher))
      const { flags } = await this.#stateBy(watcher)
      if (flags !== 'master') throw new Error(`the primary is in the state ${flags}`)
    }
    const [primary] = named
    if (primary === undefined || named.size > 1) throw new Error(`the sentinels name ${named.size} primaries`)
    return primary
  }

  async #stateBy(watcher: RedisServer): Promise<Record<string, string | undefined>> {
    const fields = (await send(watcher.port, ['SENTINEL', 'MASTER', this.name], sentinelPatience)) as string[]
    return Object.fromEntries(fields.flatMap((name, at) => (at % 2 === 0 ? [[name, fields[at + 1]]] : [])))
  }

  async #whole(): Promise<void> {
    const primary = await this.#agreed()
    await this.#linked(primary)
    const watchers = this.#watchers.filter((each) => each.running)
    const replicas = this.#nodes.filter((each) => each.running && each !== primary)
    for (const watcher of watchers) {
      const state = await this.#stateBy(watcher)
      if (Number(state['num-other-sentinels']) < watchers.length - 1) throw new Error('a sentinel knows too few others')
      const known = (await send(watcher.port, ['SENTINEL', 'REPLICAS', this.name], sentinelPatience)) as string[][]
      const fit = known.filter((each) => isFit(each)).map((each) => Number(each[each.indexOf('port') + 1]))
      const unknown = replicas.find((replica) => !fit.includes(replica.port))
      if (unknown !== undefined) throw new Error(`a sentinel does not know the replica at port ${unknown.port} yet`)
    }
  }

  async #linked(primary: RedisServer): Promise<void> {
    const [role, written] = (await primary.command('ROLE')) as Reply[]
    if (role !== 'master') throw new Error(`the primary at port ${primary.port} is a ${role} yet`)
    for (const node of this.#nodes.filter((each) => each.running && each !== primary)) {
      const [, , port, link, received] = (await node.command('ROLE')) as Reply[]
      const linked = port === primary.port && link === 'connected' && Number(received) >= Number(written)
      if (!linked) throw new Error(`the server at port ${node.port} does not follow the primary yet`)
    }
  }
}

/** Whether a sentinel finds a replica, as it describes it, in its place: up, and linked to the primary. */
function isFit(description: readonly string[]): boolean {
  const field = (name: string): string | undefined => description[description.indexOf(name) + 1]
  return field('flags') === 'slave' && field('role-reported') === 'slave' && field('master-link-status') === 'ok'
}

/** Notes each server as soon as it runs, so that the caller can end them whatever becomes of the others. */
async function startAll(
  count: number,
  into: RedisServer[],
  options: { readonly args?: readonly string[]; readonly sentinel?: boolean },
): Promise<void> {
  const starts = Array.from({ length: count }, async () => void into.push(await startRedis(options)))
  const failed = (await Promise.allSettled(starts)).find((each) => each.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
