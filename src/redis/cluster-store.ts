import type { Redis, RedisOptions } from 'ioredis'
import {
  type CacheError,
  cacheError,
  describeThrown,
  type Found,
  type MarkerNumber,
  type MarkerNumbers,
  type Replacement,
  type SharedFilling,
  type SharedFinding,
  type SharedPut,
  type SharedStore,
  type SharedStoreContext,
  systemClock,
  uniqueText,
  type WriteQueue,
  type Written,
  wallTime,
} from '../index'
import { failFast, listenOnly } from './client-options'
import { type Address, nameOf, type Redirection, readRedirection, readSlots, slotOf } from './cluster-slots'
import type { Connection } from './connection'
import { FeedNote } from './feed-note'
import { openNode } from './node'
import type { Protocol } from './protocol'
import { RedisStore } from './redis-store'
import { RedisWriteQueue } from './write-queue'

/*
 * A cluster is many servers, each with a store of its own: two connections, a watch, scripts. Only what is said here
 * goes beyond one of them. No command touches two slots; which server a key belongs to is learned from `CLUSTER SLOTS`
 * and from the redirections of servers that know better. ioredis has a client for clusters, but it does not tell which
 * connection a reply came from, and a copy is watched only by the connection that read it.
 */

/** What a {@link ClusterStore} works with. */
export interface ClusterParts {
  readonly seeds: readonly Address[]
  /** Makes a client of one node. */
  readonly open: (address: Address, options: RedisOptions & { readonly replyMapping: 'legacy' }) => Redis
  readonly nat: (address: Address) => Address
  readonly protocol: Protocol
  readonly context: SharedStoreContext
}

/** One node of the cluster. */
interface Node {
  readonly address: Address
  readonly connection: Connection
  readonly store: RedisStore
  /** The same for keys that are on their way to it. */
  readonly asking: RedisStore
  /** Took slots over from another, which may have lost what it acknowledged. */
  isSuccessor: boolean
  /** A key it was last asked for. */
  lastKey: string
  /** When a redirection last led to it; by the machine's own clock. */
  ledToAt: number
}

const longestWay = 8
const refreshMs = 500
// A node without slots is known by redirections alone, as long as they come.
const withoutSlotsMs = 30_000

/** The shared tier on Redis Cluster. */
export class ClusterStore implements SharedStore {
  readonly #parts: ClusterParts
  readonly #note: FeedNote
  readonly #nodes = new Map<string, Node>()
  #slots = new Map<number, Address>()
  #refreshing: Promise<void> | undefined
  #cancelRefresh: (() => void) | undefined
  readonly #giveUps = new Set<() => void>()
  #turn = 0
  #closed = false

  constructor(parts: ClusterParts) {
    this.#parts = parts
    const { protocol, context } = parts
    this.#note = new FeedNote(protocol, context.clock, context.onFinding)
  }

  async connect(): Promise<void> {
    await this.#refresh()
    await Promise.all([...this.#nodes.values()].map(({ store }) => store.connect()))
  }

  /** What nodes have in common is said once, and of what one of them lacks, which it is. */
  async probe(): Promise<readonly SharedFinding[]> {
    const nodes = [...this.#nodes.values()].filter(({ connection }) => connection.isUp)
    const found = await Promise.all(nodes.map(async ({ address, store }) => ({ address, its: await store.probe() })))
    const bySubject = new Map<string, { readonly finding: SharedFinding; readonly at: string[] }>()
    for (const { address, its } of found) {
      for (const finding of its) {
        const known = bySubject.get(finding.subject)
        if (known === undefined) bySubject.set(finding.subject, { finding, at: [nameOf(address)] })
        else known.at.push(nameOf(address))
      }
    }
    return [...bySubject.values()].map(({ finding: { subject, message }, at }) => ({
      subject,
      message: at.length === nodes.length ? message : `At ${at.join(', ')}: ${message}`,
    }))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancelRefresh?.()
    for (const giveUp of this.#giveUps) giveUp()
    await Promise.all([...this.#nodes.values()].map(({ store }) => store.close()))
  }

  /** By one server's clock, the same for all processes, as long as that server has the counter. */
  serverTime(): number {
    const { connection } = this.#ownerOf(this.#parts.context.counterKey) ?? {}
    return connection?.time.now() ?? wallTime()
  }

  /** Of a cluster that has not been found yet nothing was read. */
  toldAt(): number {
    const now = this.#parts.context.clock.now()
    return Math.min(now, ...[...this.#nodes.values()].map(({ store }) => store.toldAt()))
  }

  silenceOf(key: string): CacheError | undefined {
    return this.#ownerOf(key)?.connection.silence
  }

  groups(keys: readonly string[]): readonly (readonly string[])[] {
    const groups = new Map<string, string[]>()
    for (const key of keys) {
      const owner = this.#slots.get(this.#slotOf(key))
      const name = owner === undefined ? '' : nameOf(owner)
      const group = groups.get(name)
      if (group === undefined) groups.set(name, [key])
      else group.push(key)
    }
    return [...groups.values()]
  }

  getMany(keys: readonly string[]): Promise<Found[]> {
    return each(keys, async (key) => (await this.#at(key, (store) => store.getMany([key])))[0]!)
  }

  lease(key: string, lease: Buffer, leaseMs: number, over?: Buffer): Promise<Found> {
    return this.#at(key, (store) => store.lease(key, lease, leaseMs, over))
  }

  leaseMany(keys: readonly string[], leases: readonly Buffer[], leaseMs: number): Promise<readonly boolean[]> {
    return each(keys, async (key, index) => {
      const [isTaken] = await this.#at(key, (store) => store.leaseMany([key], [leases[index]!], leaseMs))
      return isTaken!
    })
  }

  renew(key: string, lease: Buffer, leaseMs: number): Promise<boolean> {
    return this.#at(key, (store) => store.renew(key, lease, leaseMs))
  }

  renewMany(keys: readonly string[], leases: readonly Buffer[], leaseMs: number): Promise<readonly boolean[]> {
    return each(keys, (key, index) => this.renew(key, leases[index]!, leaseMs))
  }

  release(key: string, lease: Buffer): Promise<void> {
    return this.#at(key, (store) => store.release(key, lease))
  }

  fill(key: string, lease: Buffer, bytes: Buffer, lifeMs: number, version?: string): Promise<Written> {
    return this.#at(key, (store) => store.fill(key, lease, bytes, lifeMs, version))
  }

  fillMany(fills: readonly SharedFilling[]): Promise<readonly Written[]> {
    return each(fills, async (its) => (await this.#at(its.key, (store) => store.fillMany([its])))[0]!)
  }

  replace(replacement: Replacement): Promise<Written> {
    return this.#at(replacement.key, (store) => store.replace(replacement))
  }

  putMany(entries: readonly SharedPut[]): Promise<Written[]> {
    return each(entries, (entry) =>
      this.#unlessOnItsWay(
        async () =>
          (await this.#at(entry.key, (store, isLate) => store.putMany([entry], isLate ? uniqueText() : undefined)))[0]!,
        async () => {
          await this.#deleteInParts(entry.key)
          return { stands: false, watch: undefined }
        },
      ),
    )
  }

  async delete(keys: readonly string[], as?: 'journal'): Promise<void> {
    await each(keys, (key) =>
      this.#unlessOnItsWay(
        () => this.#at(key, (store) => store.delete([key], as)),
        () => this.#deleteInParts(key, as),
      ),
    )
  }

  /** Each primary after the other. While slots move, keys may be missed that move the other way. */
  writeQueue(keys: string): WriteQueue {
    return new RedisWriteQueue(keys, (script, its, args) => this.#at(keys, (store) => store.run(script, its, args)))
  }

  async *scan(pattern: string): AsyncIterable<readonly string[]> {
    await this.#refresh()
    const owners = new Set([...this.#slots.values()].map(nameOf))
    for (const [name, { store }] of [...this.#nodes]) if (owners.has(name)) yield* store.scan(pattern)
  }

  async readMarkers(keys: readonly string[]): Promise<MarkerNumbers> {
    const [counter, ...markers] = await each([this.#parts.context.counterKey, ...keys], (key) => this.#number(key))
    return { counter: counter!, markers }
  }

  /**
   * A marker that was lost must not come back below a number it has had. So the counter is read once more after markers
   * were created: whatever they had before was not above it.
   */
  async ensureMarkers(keys: readonly string[], lifeMs: number): Promise<MarkerNumbers> {
    const { counterKey } = this.#parts.context
    const { counter } = await this.#at(counterKey, (store) => store.ensureMarkers([], lifeMs))
    const number = counter.number ?? 0
    const markers = await each(keys, (key) => this.#at(key, (store) => store.createMarker(key, number, lifeMs)))
    if (!markers.some(([, isNew]) => isNew)) return { counter, markers: markers.map(([marker]) => marker) }
    const later = await this.#number(counterKey)
    const isBehind = later.number !== undefined && later.number > number
    const lifted = await each(markers, ([marker, isNew], index) =>
      isNew && isBehind
        ? this.#at(keys[index]!, (store) => store.liftMarker(keys[index]!, later.number!, lifeMs))
        : Promise.resolve(marker),
    )
    return { counter: later, markers: lifted }
  }

  async raiseMarkers(keys: readonly string[], lifeMs: number): Promise<number> {
    const number = await this.#at(this.#parts.context.counterKey, (store) => store.raiseMarkers([], lifeMs))
    await each(keys, (key) => this.#at(key, (store) => store.liftMarker(key, number, lifeMs)))
    return number
  }

  async #number(key: string): Promise<MarkerNumber> {
    return (await this.#at(key, (store) => store.numbers([key])))[0]!
  }

  /**
   * While a slot moves, a script on a key and its note finds one here and the other there, and is refused until the move
   * is over. Nothing may stand that such a put or evict should have replaced; the note comes first, so that no slower
   * put slips in between.
   */
  async #unlessOnItsWay<Answer>(act: () => Promise<Answer>, instead: () => Promise<Answer>): Promise<Answer> {
    try {
      return await act()
    } catch (error) {
      if (!replyIn(error).startsWith('TRYAGAIN')) throw error
      return instead()
    }
  }

  async #deleteInParts(key: string, as?: 'journal'): Promise<void> {
    await this.#at(key, (store) => store.note(key, as))
    await this.#at(key, (store) => store.unlink(key))
  }

  /** Lets the server that a key belongs to act, wherever redirections lead. */
  async #at<Answer>(key: string, act: (store: RedisStore, isLate: boolean) => Promise<Answer>): Promise<Answer> {
    let node = this.#ownerOf(key)
    if (node === undefined) {
      await this.#refresh()
      node = this.#ownerOf(key)
      if (node === undefined) throw this.#uncovered(key)
    }
    let { store } = node
    node.lastKey = key
    for (let way = 0; ; way++) {
      try {
        return await act(store, way > 0)
      } catch (error) {
        const redirection = readRedirection(replyIn(error), node.address, this.#parts.nat)
        if (redirection === undefined || way === longestWay) throw error
        // Nobody would close the node it leads to.
        if (this.#closed) throw error
        node = this.#follow(redirection)
        store = redirection.kind === 'ASK' ? node.asking : node.store
      }
    }
  }

  #follow({ kind, slot, to }: Redirection): Node {
    // It may have taken the slot over from one that lost what it acknowledged; see `#take`.
    const isNew = !this.#nodes.has(nameOf(to))
    const node = this.#nodeAt(to)
    if (isNew && kind === 'MOVED') node.isSuccessor = true
    node.ledToAt = systemClock.now()
    if (kind === 'MOVED') {
      this.#slots.set(slot, to)
      this.#moved()
      this.#refreshSoon(0)
    }
    return node
  }

  /**
   * A server that gives a slot away tells of its keys. Where processes tell, those of the new node are heard through the
   * old one only as well as nodes pass them on: what was read from that one is not believed any longer.
   */
  #moved(): void {
    const { protocol, context } = this.#parts
    if (protocol.feed === 'broadcast') context.listener.gap()
  }

  #slotOf(key: string): number {
    return slotOf(this.#parts.protocol.keyPrefix + key)
  }

  #ownerOf(key: string): Node | undefined {
    const address = this.#slots.get(this.#slotOf(key))
    return address === undefined ? undefined : this.#nodes.get(nameOf(address))
  }

  #nodeAt(address: Address): Node {
    const name = nameOf(address)
    let node = this.#nodes.get(name)
    if (node === undefined) {
      node = this.#join(address)
      this.#nodes.set(name, node)
      // What needs the node waits for this attempt, and whoever fails with it says so.
      node.store.connect().catch(() => {})
    }
    return node
  }

  #join(address: Address): Node {
    const { open, context, protocol } = this.#parts
    const owns = (key: string): boolean => this.#ownerOf(key) === node
    const { connection, feed } = openNode({
      open: (options) => open(address, options),
      listening: open(address, listenOnly),
      name: 'Redis Cluster',
      context,
      protocol,
      note: this.#note,
      owns,
      heartbeatKey: () => (owns(node.lastKey) ? node.lastKey : undefined),
      onConnected: (isSameServer) => {
        context.onConnected(isSameServer && !node.isSuccessor)
        node.isSuccessor = false
      },
      onRefused: () => this.#refreshSoon(refreshMs / 10),
    })
    connection.onDown(() => this.#refreshSoon(refreshMs / 10))
    const parts = { connection, feed, protocol, note: this.#note, owns, isInCluster: true }
    const node: Node = {
      address,
      connection,
      store: new RedisStore(parts),
      asking: new RedisStore({ ...parts, isAsking: true }),
      isSuccessor: false,
      lastKey: '',
      ledToAt: Number.NEGATIVE_INFINITY,
    }
    return node
  }

  /** Learns the slots from a node that answers. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#learnSlots().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #learnSlots(): Promise<void> {
    let failure: unknown
    for (const [address, ask] of this.#informants()) {
      if (this.#closed) return
      try {
        const slots = readSlots(await this.#inTime(ask()), address, this.#parts.nat)
        if (this.#closed) return
        if (slots.size === 0) throw new Error('it has no slots')
        this.#take(slots)
        return
      } catch (error) {
        failure = error
      }
    }
    this.#refreshSoon(refreshMs)
    throw cacheError(
      'CW_SHARED_UNAVAILABLE',
      `Redis Cluster cannot be reached at ${this.#parts.seeds.map(nameOf).join(', ')} (${describeThrown(failure)}). Calls are answered without it until it can.`,
      failure,
    )
  }

  /** Who may be asked, each time another first: a node that was cut off from the others tells old news. */
  #informants(): readonly [Address, () => Promise<unknown>][] {
    const known = [...this.#nodes.values()].filter(({ connection }) => connection.isUp)
    const turn = known.length === 0 ? 0 : this.#turn++ % known.length
    const inTurn = [...known.slice(turn), ...known.slice(0, turn)]
    return [
      ...inTurn.map(({ address, connection }): [Address, () => Promise<unknown>] => [
        address,
        () => connection.client.cluster('SLOTS'),
      ]),
      ...this.#parts.seeds.map((seed): [Address, () => Promise<unknown>] => [seed, () => this.#askSeed(seed)]),
    ]
  }

  /** Who does not answer must not keep the others from being asked, nor the store from being closed. */
  async #inTime<Answer>(answer: Promise<Answer>): Promise<Answer> {
    let undo = (): void => {}
    const silence = new Promise<never>((_, reject) => {
      const giveUp = (): void => reject(new Error('it does not answer'))
      const cancel = systemClock.setTimer(giveUp, refreshMs)
      this.#giveUps.add(giveUp)
      undo = () => {
        cancel()
        this.#giveUps.delete(giveUp)
      }
    })
    try {
      return await Promise.race([answer, silence])
    } finally {
      undo()
    }
  }

  async #askSeed(seed: Address): Promise<unknown> {
    const client = this.#parts.open(seed, { ...failFast, retryStrategy: () => null })
    client.on('error', () => {})
    try {
      return await this.#inTime(client.connect().then(() => client.cluster('SLOTS')))
    } finally {
      client.disconnect()
    }
  }

  #take(slots: Map<number, Address>): void {
    const before = this.#slots
    this.#slots = slots
    const primaries = new Map([...slots.values()].map((address) => [nameOf(address), address]))
    let isMoved = false
    const hadSlots = new Set([...before.values()].map(nameOf))
    const successors = new Set<Node>()
    for (const [slot, address] of slots) {
      const former = before.get(slot)
      const isTakenOver = former !== undefined && nameOf(former) !== nameOf(address)
      isMoved ||= isTakenOver
      const isNew = !hadSlots.has(nameOf(address))
      const node = this.#nodeAt(address)
      if (isTakenOver && isNew) successors.add(node)
    }
    if (isMoved) this.#moved()
    for (const node of successors) {
      if (node.connection.isUp) this.#parts.context.onConnected(false)
      else node.isSuccessor = true
    }
    for (const [name, node] of this.#nodes) {
      if (primaries.has(name) || systemClock.now() - node.ledToAt < withoutSlotsMs) continue
      this.#nodes.delete(name)
      void node.store.close()
    }
    // Until each answers, another may have taken its place.
    if ([...this.#nodes.values()].some(({ connection }) => !connection.isUp)) this.#refreshSoon(refreshMs)
  }

  #refreshSoon(afterMs: number): void {
    if (this.#closed || this.#cancelRefresh !== undefined) return
    this.#cancelRefresh = systemClock.setTimer(() => {
      this.#cancelRefresh = undefined
      this.#refresh().catch(() => {})
    }, afterMs)
  }

  #uncovered(key: string): Error {
    return cacheError(
      'CW_SHARED_UNAVAILABLE',
      `Redis Cluster has no node for the slot of '${key}'. Calls are answered without it until one has taken the slot.`,
    )
  }
}

/** The reply that an error of this door was made of. */
function replyIn(error: unknown): string {
  const { cause } = error as Error
  return cause instanceof Error ? cause.message : ''
}

// Commands of one turn leave in one flush.
function each<Item, Answer>(
  items: readonly Item[],
  act: (item: Item, index: number) => Promise<Answer>,
): Promise<Answer[]> {
  return Promise.all(items.map(act))
}
