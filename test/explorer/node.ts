import './small-memory'
import { AsyncLocalStorage } from 'node:async_hooks'
import { type CacheManager, CachePut, cacheError, createCacheManager, systemClock } from 'cachewright'
import { ManualClock, settle } from 'cachewright/testing'
import type { Answer, Command } from './model-server'
import { ModelStore, type Wire } from './model-store'

/** What a program may do on a node. */
export type Operation = 'load' | 'put' | 'evict' | 'evictTags' | 'clear'

/** Everything that can happen to a node; nothing else does. */
export type Input =
  | readonly ['start', Operation]
  /** The answers to the oldest flush of commands that has none. */
  | readonly ['reply', readonly Answer[]]
  | readonly ['notice', string | number]
  /** A loader, or the method of a put, returns what it read or wrote. */
  | readonly ['loaded', number, number]
  | readonly ['returned', number, number]
  | readonly ['time', number]
  /** Both connections break; and stand again. */
  | readonly ['cut']
  | readonly ['up']

/** Everything a node does that can be seen from outside. */
export type Output =
  /** With each: the number of the operation it belongs to. */
  | readonly ['sent', readonly Command[], number | null]
  | readonly ['loading', number, number]
  | readonly ['writing', number, number]
  /** Something looked at the machine's own clock, for the n-th time. */
  | readonly ['clock', number, number | null]
  | readonly ['settled', number, number | null]
  | readonly ['failed', number, string]
  | readonly ['beat', number]

export const startOfTime = 1_000_000
export const maxStalenessMs = 1_000
export const leaseMs = 5_000
export const ttlMs = 20_000

/** What the operations change in the server. */
export const names = {
  load: 'x:c:1:{k}',
  put: 'x:c:1:{k}',
  evict: 'x:c:1:{k}',
  evictTags: 'x:tag:{c%3At}',
  clear: 'x:tag:{c}',
} as const satisfies Record<Operation, string>

const tag = 't'

// Whose turn it is: only one node runs at a time.
let running: LiveNode | undefined
const operation = new AsyncLocalStorage<number>()
const machineClock = systemClock.now
systemClock.now = () => (running === undefined ? machineClock() : running.readMachineClock())

// Two things never happen at the very same time; a fraction that adds up without rounding.
const tick = 2 ** -10

interface Unanswered {
  resolve(answers: readonly Answer[]): void
  reject(error: Error): void
}

/** One process: the real core over a model of its store. */
export class LiveNode {
  readonly #clock = new ManualClock(startOfTime)
  #unanswered: Unanswered[] = []
  readonly #loaders = new Map<number, (version: number) => void>()
  readonly #methods = new Map<number, (version: number) => void>()
  readonly #manager: CacheManager
  readonly #writer: { write(): Promise<number> }
  #outputs: Output[] = []
  #store!: ModelStore
  #started = 0
  #called = 0
  #looked = 0
  #isUp = true

  constructor(commandTimeoutMs: number) {
    const call = (into: Map<number, (version: number) => void>, output: (n: number) => Output): Promise<number> =>
      new Promise((resolve) => {
        const n = ++this.#called
        into.set(n, resolve)
        this.#outputs.push(output(n))
      })
    const wire: Wire = {
      send: (commands) =>
        new Promise((resolve, reject) => {
          if (!this.#isUp) return reject(away())
          this.#unanswered.push({ resolve, reject })
          this.#outputs.push(['sent', commands, operation.getStore() ?? null])
        }),
      beat: (at) => void this.#outputs.push(['beat', at]),
    }
    this.#manager = createCacheManager({
      prefix: 'x',
      clock: this.#clock,
      maxStaleness: maxStalenessMs,
      local: { maxEntries: 8 },
      defaults: { ttl: ttlMs },
      shared: {
        name: 'the model',
        commandTimeoutMs,
        open: (context) => {
          this.#store = new ModelStore(context, wire)
          return this.#store
        },
      },
    })
    this.load = () => call(this.#loaders, (n) => ['loading', n, operation.getStore()!])
    const writing = (): Promise<number> => call(this.#methods, (n) => ['writing', n, operation.getStore()!])
    class Writer {
      @CachePut({ cache: 'c', key: () => 'k', tags: () => [tag] })
      write(): Promise<number> {
        return writing()
      }
    }
    this.#writer = this.#manager.bind(new Writer())
  }

  private readonly load: () => Promise<number>

  /** Lets one thing happen, and everything that follows from it by itself. */
  async take(input: Input): Promise<readonly Output[]> {
    running = this
    this.#outputs = []
    this.#clock.jump(tick)
    await this.#apply(input)
    await settle()
    running = undefined
    return this.#outputs
  }

  /** What a node does before anything happens to it: it connects. */
  async open(): Promise<readonly Output[]> {
    running = this
    await settle()
    running = undefined
    return this.#outputs
  }

  readMachineClock(): number {
    const n = ++this.#looked
    this.#outputs.push(['clock', n, operation.getStore() ?? null])
    return n
  }

  async #apply(input: Input): Promise<void> {
    switch (input[0]) {
      case 'start':
        return this.#start(input[1])
      case 'reply':
        return this.#unanswered.shift()!.resolve(input[1])
      case 'notice':
        return this.#store.told(input[1])
      case 'loaded':
        return this.#loaders.get(input[1])!(input[2])
      case 'returned':
        return this.#methods.get(input[1])!(input[2])
      case 'time':
        return this.#clock.advance(input[1])
      case 'cut': {
        this.#isUp = false
        this.#store.cut()
        const lost = this.#unanswered
        this.#unanswered = []
        for (const { reject } of lost) reject(away())
        return
      }
      case 'up':
        this.#isUp = true
        return this.#store.up()
    }
  }

  #start(what: Operation): void {
    const cache = this.#manager.cache<number>('c')
    const work: Record<Operation, () => Promise<unknown>> = {
      load: () => cache.getOrLoad('k', this.load, { tags: () => [tag] }),
      put: () => this.#writer.write(),
      evict: () => cache.evict('k'),
      evictTags: () => cache.evictTags([tag]),
      clear: () => cache.clear(),
    }
    const n = ++this.#started
    operation.run(n, () =>
      work[what]().then(
        (value) => void this.#outputs.push(['settled', n, typeof value === 'number' ? value : null]),
        (error: unknown) => void this.#outputs.push(['failed', n, String(error)]),
      ),
    )
  }
}

/** All that has happened to a node: as much as can be known of its state, and enough to bring it about again. */
export class History {
  readonly next = new Map<string, History>()

  constructor(
    readonly id: number,
    readonly outputs: readonly Output[],
    readonly before: History | undefined,
    readonly input: Input | undefined,
  ) {}
}

function away(): Error {
  return cacheError('CW_SHARED_UNAVAILABLE', 'The model is cut off.')
}

const mostLive = 48

/** Longer than any schedule: an answer that is late is only late. */
export const patient = 1e9

/**
 * What nodes do, by what has happened to them. A node depends on nothing else, so what one execution has shown need not be
 * executed again, on whichever node and in whichever schedule it comes up. Whoever reaches a history anew replays
 * it on a new node, and it is an error if that node does anything else than the first one did.
 */
export class NodeMemory {
  #root: History | undefined
  #histories = 0
  #executions = 0
  readonly #live = new Map<History, LiveNode>()

  /** @param commandTimeoutMs after which a node gives a command up */
  constructor(private readonly commandTimeoutMs: number = patient) {}

  get histories(): number {
    return this.#histories
  }

  get executions(): number {
    return this.#executions
  }

  async root(): Promise<History> {
    this.#root ??= new History(0, await new LiveNode(this.commandTimeoutMs).open(), undefined, undefined)
    return this.#root
  }

  async after(history: History, input: Input): Promise<History> {
    const name = JSON.stringify(input)
    const known = history.next.get(name)
    if (known !== undefined) return known
    const node = await this.#nodeAt(history)
    const outputs = await node.take(input)
    const after = new History(++this.#histories, outputs, history, input)
    history.next.set(name, after)
    this.#keep(after, node)
    return after
  }

  async #nodeAt(history: History): Promise<LiveNode> {
    const path: History[] = []
    let at = history
    while (!this.#live.has(at) && at.before !== undefined) {
      path.push(at)
      at = at.before
    }
    let node = this.#live.get(at)
    this.#live.delete(at)
    if (node === undefined) {
      this.#executions++
      node = new LiveNode(this.commandTimeoutMs)
      expectSame(await node.open(), at)
    }
    for (const step of path.reverse()) expectSame(await node.take(step.input!), step)
    return node
  }

  #keep(history: History, node: LiveNode): void {
    this.#live.set(history, node)
    const [oldest] = this.#live.keys()
    if (this.#live.size > mostLive) this.#live.delete(oldest!)
  }
}

function expectSame(outputs: readonly Output[], { outputs: recorded, input }: History): void {
  const [now, then] = [JSON.stringify(outputs), JSON.stringify(recorded)]
  if (now !== then)
    throw new Error(`a node is not deterministic: after ${JSON.stringify(input)} ${now}, before ${then}`)
}
