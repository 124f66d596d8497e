import { eventually } from './eventually'
import { freePort, type RedisServer, startRedis } from './redis-server'
import type { Reply } from './resp'

/** How a {@link RedisCluster} is started. */
export interface RedisClusterOptions {
  /** @default 3, the least that can agree on a failure */
  readonly masters?: number
  /** For each master. @default 0 */
  readonly replicas?: number
  /** Further arguments of each `redis-server`. */
  readonly args?: readonly string[]
  /** How long a node may be silent until the others take it for dead. @default 1000 */
  readonly nodeTimeoutMs?: number
}

/** A step of a slot's migration, in this order; `done` is when every node knows the new owner. */
export type MoveStep = 'importing' | 'migrating' | 'keys-moved' | 'done'

/** What a test does in the middle of {@link RedisCluster.moveSlot}. */
export interface MoveSlotOptions {
  /** Called after each step; the next one waits for it. */
  between?(step: MoveStep): Promise<void>
}

export const slotCount = 16_384

// A failover takes about the node timeout twice; a busy machine may take much longer.
const patience = 20_000

// Asked by this support or said by the nodes to each other, never by a client under test.
const ownCommands = ['cluster|nodes', 'replconf', 'psync']

/** Starts a real Redis Cluster on 127.0.0.1, with all slots spread evenly, and waits until every node knows it as whole. */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const cluster = new RedisCluster(options)
  try {
    await cluster.form()
    return cluster
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

/** A running Redis Cluster. Which node is a master is as of the last operation here, or {@link settled}. */
export class RedisCluster {
  readonly #options: Required<RedisClusterOptions>
  readonly #ids = new Map<RedisServer, string>()
  /** When a node was last seen to have become a master by the votes of the others. */
  readonly #elected = new Map<RedisServer, number>()
  #view: readonly NodeView[] = []

  /** @internal use {@link startRedisCluster} */
  constructor({ masters = 3, replicas = 0, args = [], nodeTimeoutMs = 1000 }: RedisClusterOptions) {
    this.#options = { masters, replicas, args, nodeTimeoutMs }
  }

  /** All nodes, oldest first, those that were killed too. */
  get nodes(): readonly RedisServer[] {
    return [...this.#ids.keys()]
  }

  /** The masters that run. */
  get masters(): readonly RedisServer[] {
    return this.#running((view) => view.master === undefined)
  }

  /** The replicas that run. */
  get replicas(): readonly RedisServer[] {
    return this.#running((view) => view.master !== undefined)
  }

  /** Where a client may begin. */
  get seeds(): { host: string; port: number }[] {
    return this.nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
  }

  /** The running replicas of one master. */
  replicasOf(master: RedisServer): readonly RedisServer[] {
    const id = this.#idOf(master)
    return this.#running((view) => view.master === id)
  }

  slotOf(key: string): number {
    return slotOf(key)
  }

  /** The node that serves a slot, or the slot of a key, by its own account. */
  async ownerOf(at: number | string): Promise<RedisServer> {
    const slot = typeof at === 'string' ? slotOf(at) : at
    let owner: { node: RedisServer; epoch: number } | undefined
    for (const node of this.nodes.filter((each) => each.running)) {
      const self = (await viewFrom(node)).find((view) => view.id === this.#ids.get(node))
      // Two of them own a slot for a moment after it moved: the later claim holds.
      if (self?.slots.has(slot) && self.epoch >= (owner?.epoch ?? 0)) owner = { node, epoch: self.epoch }
    }
    if (owner === undefined) throw new Error(`no running node owns slot ${slot}`)
    return owner.node
  }

  /** Sends one command to the owner of a key, and follows a `MOVED`. */
  async command(key: string, ...args: (string | Uint8Array | number)[]): Promise<Reply> {
    let node = await this.ownerOf(key)
    for (let redirections = 0; ; redirections += 1) {
      try {
        return await node.command(...args)
      } catch (error) {
        const moved = /^MOVED \d+ .*:(\d+)$/.exec((error as Error).message)
        const target = moved === null ? undefined : this.#at(Number(moved[1]))
        if (target === undefined || redirections === 5) throw error
        node = target
      }
    }
  }

  /** The keys of all masters that match, sorted. */
  async keys(pattern = '*'): Promise<string[]> {
    const found = await Promise.all(this.masters.map((master) => master.command('KEYS', pattern)))
    return (found.flat() as string[]).toSorted()
  }

  async flushAll(): Promise<void> {
    await Promise.all(this.masters.map((master) => master.command('FLUSHALL')))
  }

  /** Makes {@link commandStats} count from zero. */
  async resetStats(): Promise<void> {
    await Promise.all(this.nodes.filter((node) => node.running).map((node) => node.resetStats()))
  }

  /** Calls of each command on all masters, without those of this support and those that nodes send to each other. */
  async commandStats(): Promise<Record<string, number>> {
    const sum: Record<string, number> = {}
    for (const stats of await Promise.all(this.masters.map((master) => master.commandStats()))) {
      for (const [name, calls] of Object.entries(stats)) sum[name] = (sum[name] ?? 0) + calls
    }
    for (const name of ownCommands) delete sum[name]
    return sum
  }

  /** Moves a slot with its keys to another master while clients use them, as `redis-cli --cluster reshard` does. */
  async moveSlot(slot: number, to: RedisServer, { between }: MoveSlotOptions = {}): Promise<void> {
    const from = await this.ownerOf(slot)
    if (from === to) throw new Error(`slot ${slot} is at port ${to.port} already`)
    const failures: unknown[] = []
    const pause = async (step: MoveStep): Promise<void> => {
      // The move is ended all the same, so that the cluster is whole for the next test.
      if (failures.length === 0) await between?.(step).catch((error: unknown) => failures.push(error))
    }
    await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', this.#idOf(from))
    await pause('importing')
    await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', this.#idOf(to))
    await pause('migrating')
    await moveKeys(slot, from, to)
    await pause('keys-moved')
    const others = this.masters.filter((master) => master !== from && master !== to)
    for (const node of [to, from, ...others]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', this.#idOf(to))
    await this.settled()
    await pause('done')
    if (failures.length > 0) throw failures[0]
  }

  /**
   * Kills a master, or freezes it, and waits until a replica has taken over, which it answers with. What this replica had
   * not received is lost.
   */
  async failover(master: RedisServer, options: { readonly by?: 'kill' | 'freeze' } = {}): Promise<RedisServer> {
    const replicas = this.replicasOf(master)
    if (replicas.length === 0) throw new Error(`the node at port ${master.port} has no replica to take over`)
    await this.#votesForgotten(replicas)
    if (options.by === 'freeze') master.freeze()
    else await master.kill()
    return await eventually(
      async () => {
        await this.#agree(this.nodes.filter((node) => node.running && node !== master))
        return this.#successor(replicas)
      },
      { within: patience, what: `a replica takes over from the node at port ${master.port}` },
    )
  }

  /** Makes a replica the master of its master, which becomes its replica: nothing is lost and nobody dies. */
  async takeOver(replica: RedisServer): Promise<void> {
    await this.#votesForgotten([replica])
    await replica.command('CLUSTER', 'FAILOVER')
    await eventually(
      async () => {
        await this.#agree(this.#live())
        this.#successor([replica])
      },
      { within: patience, what: `the node at port ${replica.port} becomes a master` },
    )
  }

  /** Adds a master that has no slots yet. */
  async addMaster(): Promise<RedisServer> {
    const node = await this.#add()
    await this.#introduce(node, this.#live())
    await this.settled()
    return node
  }

  /** Brings a killed node back, empty and with the slots and the role that are its own now. */
  async start(node: RedisServer): Promise<void> {
    await node.start()
    await this.settled()
  }

  /** Waits until all running nodes say that the cluster is whole and agree about it, and replicas have what their masters have. */
  async settled(): Promise<void> {
    await eventually(() => this.#agree(this.#live()), { within: patience, what: 'the cluster agrees' })
  }

  /** Ends all nodes and removes their directories. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
  }

  /** @internal */
  async form(): Promise<void> {
    const { masters, replicas } = this.#options
    const started = await Promise.allSettled(Array.from({ length: masters * (1 + replicas) }, () => this.#add()))
    const failed = started.find((each) => each.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    const nodes = this.nodes
    // Epochs and slots come before the nodes meet, so that there is nothing to settle between them.
    for (const [index, node] of nodes.entries()) {
      await node.command('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
      if (index >= masters) continue
      const first = Math.floor((index * slotCount) / masters)
      const last = Math.floor(((index + 1) * slotCount) / masters) - 1
      await node.command('CLUSTER', 'ADDSLOTSRANGE', first, last)
    }
    for (const [index, node] of nodes.entries()) await this.#introduce(node, nodes.slice(index + 1))
    for (const [index, replica] of nodes.slice(masters).entries()) {
      const id = this.#idOf(nodes[index % masters] as RedisServer)
      await eventually(() => replica.command('CLUSTER', 'REPLICATE', id), { what: `the replica has met ${id}` })
    }
    await this.settled()
  }

  async #add(): Promise<RedisServer> {
    const node = await startNode(this.#options)
    this.#ids.set(node, '')
    this.#ids.set(node, String(await node.command('CLUSTER', 'MYID')))
    return node
  }

  async #introduce(newcomer: RedisServer, others: readonly RedisServer[]): Promise<void> {
    const [, busPort] = (await newcomer.command('CONFIG', 'GET', 'cluster-port')) as [string, string]
    const present = others.filter((other) => other !== newcomer)
    for (const other of present) await other.command('CLUSTER', 'MEET', '127.0.0.1', newcomer.port, busPort)
  }

  /** Throws unless these nodes agree that the cluster is whole, with all nodes that run in their places. */
  async #agree(live: readonly RedisServer[]): Promise<void> {
    let agreed: readonly NodeView[] | undefined
    for (const node of live) {
      const info = String(await node.command('CLUSTER', 'INFO'))
      if (!info.includes('cluster_state:ok')) throw new Error(`the node at port ${node.port} finds the cluster failed`)
      const views = await viewFrom(node)
      const missing = live.find((each) => !views.some((view) => view.id === this.#ids.get(each) && view.healthy))
      if (missing !== undefined) throw new Error(`port ${node.port} does not reach port ${missing.port}`)
      agreed ??= views
      if (gist(views) !== gist(agreed)) throw new Error(`port ${node.port} disagrees:\n${gist(views)}\n${gist(agreed)}`)
    }
    this.#view = agreed ?? []
    for (const master of this.masters.filter((each) => live.includes(each))) {
      const [, written] = (await master.command('ROLE')) as Reply[]
      for (const replica of this.replicasOf(master).filter((each) => live.includes(each))) {
        const [, , port, link, received] = (await replica.command('ROLE')) as Reply[]
        const follows = port === master.port && link === 'connected' && Number(received) >= Number(written)
        if (!follows) throw new Error(`the replica at port ${replica.port} does not follow its master yet`)
      }
    }
  }

  #successor(replicas: readonly RedisServer[]): RedisServer {
    const successor = this.masters.find((each) => replicas.includes(each))
    if (successor === undefined) throw new Error('no replica has been promoted')
    this.#elected.set(successor, performance.now())
    return successor
  }

  /**
   * A replica that was elected, demoted and has to be elected again too soon counts the old votes, and makes itself a
   * master in an epoch that is over: nobody believes it, and the cluster stays failed (Redis 7.0).
   */
  async #votesForgotten(replicas: readonly RedisServer[]): Promise<void> {
    const retryTime = 2 * Math.max(2 * this.#options.nodeTimeoutMs, 2000)
    const due = Math.max(...replicas.map((replica) => (this.#elected.get(replica) ?? -Infinity) + retryTime))
    await eventually(() => performance.now() > due, { within: 2 * retryTime, what: 'the last votes are forgotten' })
  }

  #live(): readonly RedisServer[] {
    return this.nodes.filter((node) => node.running)
  }

  #running(matches: (view: NodeView) => boolean): readonly RedisServer[] {
    const ids = new Set(this.#view.filter(matches).map((view) => view.id))
    return this.#live().filter((node) => ids.has(this.#idOf(node)))
  }

  #idOf(node: RedisServer): string {
    const id = this.#ids.get(node)
    if (id === undefined) throw new Error(`the server at port ${node.port} is no node of this cluster`)
    return id
  }

  #at(port: number): RedisServer | undefined {
    return this.nodes.find((node) => node.port === port)
  }
}

/** What one node says of another, or of itself. */
interface NodeView {
  readonly id: string
  /** The id of its master; none for a master. */
  readonly master: string | undefined
  /** Met, reached, and not suspected. */
  readonly healthy: boolean
  readonly epoch: number
  readonly slots: { readonly text: string; has(slot: number): boolean }
}

async function viewFrom(node: RedisServer): Promise<readonly NodeView[]> {
  const lines = String(await node.command('CLUSTER', 'NODES'))
    .trim()
    .split('\n')
  return lines.map((line) => {
    const [id, , flags, master, , , epoch, link, ...slots] = line.split(' ') as [string, string, string, ...string[]]
    // A slot on the move is listed a second time, in brackets.
    const ranges = slots.filter((range) => !range.startsWith('['))
    return {
      id,
      master: master === '-' ? undefined : master,
      healthy: link === 'connected' && !/fail|handshake|noaddr/.test(flags),
      epoch: Number(epoch),
      slots: {
        text: ranges.join(' '),
        has: (slot) =>
          ranges.some((range) => {
            const [first, last = first] = range.split('-').map(Number) as [number, number?]
            return first <= slot && slot <= last
          }),
      },
    }
  })
}

/** The part of a view in which all nodes must be of one mind. */
// With the epochs: a node that has yet to hear of another's takes a slot over in one that is over, and loses it again.
function gist(views: readonly NodeView[]): string {
  const lines = views.map(({ id, master, epoch, slots }) => `${id} ${master ?? `master in ${epoch}`} ${slots.text}`)
  return lines.toSorted().join('\n')
}

async function startNode({ args, nodeTimeoutMs }: Required<RedisClusterOptions>): Promise<RedisServer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const own = {
        'cluster-enabled': 'yes',
        // The usual 10000 above the port may be no port at all.
        'cluster-port': await freePort(),
        'cluster-node-timeout': nodeTimeoutMs,
        // A replica is fit to take over however long ago it heard of its master.
        'cluster-replica-validity-factor': 0,
        // Sent without a disk, a copy is in place before the writes after it begin to arrive: a crash just then loses them.
        'repl-diskless-sync': 'no',
        'shutdown-timeout': 0,
      }
      const ownArgs = Object.entries(own).flatMap(([name, value]) => [`--${name}`, `${value}`])
      return await startRedis({ args: [...ownArgs, ...args] })
    } catch (error) {
      // The bus port may be given away between being found free and being bound, as any other.
      if (attempt === 5 || !/in use|bind:/i.test((error as Error).message)) throw error
    }
  }
}

async function moveKeys(slot: number, from: RedisServer, to: RedisServer): Promise<void> {
  for (;;) {
    const keys = (await from.command('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[]
    if (keys.length === 0) return
    await from.command('MIGRATE', '127.0.0.1', to.port, '', 0, 5000, 'KEYS', ...keys)
  }
}

/** The slot of a key: CRC16 (XMODEM) of its hash tag, or of all of it. */
export function slotOf(key: string): number {
  const open = key.indexOf('{')
  const close = key.indexOf('}', open + 1)
  const hashed = open === -1 || close <= open + 1 ? key : key.slice(open + 1, close)
  let crc = 0
  for (const byte of Buffer.from(hashed)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff
  }
  return crc % slotCount
}
