/**
 * What lists cost: `@CacheableMany` beside MGET and SET by hand, and coalesced singles (`loadMany`) beside DataLoader. Run by
 * `npm run bench:batches`, or `npm run bench:batches -- --only "in Redis"` (a part of a title) for some of it.
 *
 * Contenders take turns within one process, the order changes each round, and every ratio is taken to the first contender
 * of the same round; medians are printed. Commands are counted by the server's own statistics and round trips by a proxy
 * before it, in one further run of each. `dist` is measured: what users run.
 */
import DataLoader from 'dataloader'
import { Redis } from 'ioredis'
import type * as Root from '../src/index'
import type { CacheManager, CachingOptions } from '../src/index'
import type * as Door from '../src/redis/index'
import { type RedisServer, startRedis } from '../test/support/redis-server'
import { startProxy, type TcpProxy } from '../test/support/tcp-proxy'
import { quantile } from './outage/quantile'
import { type Product, product } from './product'

// Built by the command that runs this, so that a fresh checkout still type-checks.
const { Cacheable, CacheableMany, createCacheManager } = require('../dist/index.js') as typeof Root
const { redis } = require('../dist/redis/index.js') as typeof Door

interface Contender {
  readonly name: string
  /** Reads one list; counts up, so that each may be of ids that nobody has asked for. */
  readonly read: (at: number) => Promise<unknown>
}

interface Group {
  readonly title: string
  /** The first contender is what the others are held against. */
  readonly contenders: readonly Contender[]
  /** Lists a round. */
  readonly count: number
  readonly isShared: boolean
}

interface Row {
  readonly name: string
  readonly medianMs: number
  /** Median of the ratios to the first contender in the same round. */
  readonly ratio: number
}

const rounds = 15
const size = 1_000
const listOf = (of: string | number): readonly string[] => Array.from({ length: size }, (_, at) => `p${of}-${at}`)
const load = async (ids: readonly string[]): Promise<Product[]> => ids.map(product)
const ttlMs = 300_000

const closing: (() => Promise<unknown>)[] = []

function client(url: string, options = {}): Redis {
  const its = new Redis(url, options)
  closing.push(async () => its.disconnect())
  return its
}

/** A service of its own for each contender: none finds what another has filled. */
async function serviceOf(options: CachingOptions): Promise<Service> {
  const manager = createCacheManager(options)
  closing.push(() => manager.close())
  await manager.ready()
  return makeService(manager)
}

type Service = ReturnType<typeof makeService>

function makeService(manager: CacheManager) {
  class Products {
    @CacheableMany({ cache: 'products', ttl: ttlMs, manager })
    async findByIds(ids: readonly string[]): Promise<Product[]> {
      return load(ids)
    }

    @CacheableMany({ cache: 'tagged', ttl: ttlMs, manager, tags: (_, id) => [`product:${id}`] })
    async findTagged(ids: readonly string[]): Promise<Product[]> {
      return load(ids)
    }

    @Cacheable({ cache: 'products', ttl: ttlMs, manager, loadMany: 'findByIds' })
    async findById(id: string): Promise<Product> {
      return product(id)
    }
  }
  return new Products()
}

/** MGET, the method with what is missing, one SET for each of these. */
function byHand(its: Redis): (ids: readonly string[]) => Promise<Product[]> {
  return async (ids) => {
    const texts = await its.mget(ids.map((id) => `raw:${id}`))
    const found = texts.map((text) => (text === null ? undefined : (JSON.parse(text) as Product)))
    const missing = ids.filter((_, at) => found[at] === undefined)
    if (missing.length === 0) return found as Product[]
    const loaded = await load(missing)
    const filling = its.pipeline()
    for (const [at, id] of missing.entries()) filling.set(`raw:${id}`, JSON.stringify(loaded[at]), 'PX', ttlMs)
    await filling.exec()
    let next = 0
    return found.map((its) => its ?? loaded[next++]!)
  }
}

async function allInRedis(url: string): Promise<Group> {
  const read = byHand(client(url))
  const bare = await serviceOf({ shared: redis({ url }), local: false })
  // One list at a time fits, and each is asked for after the others.
  const cold = await serviceOf({ shared: redis({ url }), local: { maxEntries: size } })
  const lists = [0, 1, 2].map(listOf)
  for (const ids of lists) {
    await read(ids)
    await bare.findByIds(ids)
    await bare.findTagged(ids)
  }
  const inTurn = (call: (ids: readonly string[]) => Promise<unknown>) => (at: number) => call(lists[at % 3]!)
  return {
    title: `${size} in Redis`,
    count: 6,
    isShared: true,
    contenders: [
      { name: 'MGET + JSON.parse by hand', read: inTurn(read) },
      { name: '@CacheableMany, local: false', read: inTurn((ids) => bare.findByIds(ids)) },
      { name: '@CacheableMany into a cold L1', read: inTurn((ids) => cold.findByIds(ids)) },
      { name: '@CacheableMany, a tag for each', read: inTurn((ids) => bare.findTagged(ids)) },
    ],
  }
}

async function noneCached(url: string): Promise<Group> {
  const read = byHand(client(url))
  const bare = await serviceOf({ shared: redis({ url }), local: false })
  const cold = await serviceOf({ shared: redis({ url }) })
  return {
    title: `${size} in no cache: load and fill`,
    count: 3,
    isShared: true,
    contenders: [
      { name: 'MGET + SETs by hand', read: (at) => read(listOf(`h${at}`)) },
      { name: '@CacheableMany, local: false', read: (at) => bare.findByIds(listOf(`b${at}`)) },
      { name: '@CacheableMany, L1 too', read: (at) => cold.findByIds(listOf(`c${at}`)) },
      { name: '@CacheableMany, a tag for each', read: (at) => cold.findTagged(listOf(`t${at}`)) },
    ],
  }
}

async function singlesInProcess(): Promise<Group> {
  const own = await serviceOf({ local: { maxEntries: size } })
  const all = (ids: readonly string[], one: (id: string) => Promise<unknown>) => Promise.all(ids.map((id) => one(id)))
  return {
    title: `${size} singles of one turn, none cached, in process`,
    count: 5,
    isShared: false,
    contenders: [
      {
        name: 'DataLoader',
        read: (at) => {
          const loader = new DataLoader<string, Product>(load, { maxBatchSize: size })
          return all(listOf(at), (id) => loader.load(id))
        },
      },
      { name: '@Cacheable, loadMany', read: (at) => all(listOf(at), (id) => own.findById(id)) },
    ],
  }
}

async function singlesInRedis(url: string, isCached: boolean): Promise<Group> {
  const read = byHand(client(url))
  const own = await serviceOf({ shared: redis({ url }), local: false })
  const lists = [0, 1, 2].map(listOf)
  if (isCached) for (const ids of lists) await Promise.all([read(ids), own.findByIds(ids)])
  const listAt = (who: string, at: number): readonly string[] => (isCached ? lists[at % 3]! : listOf(`${who}${at}`))
  return {
    title: `${size} singles of one turn, ${isCached ? 'all in Redis' : 'in no cache: load and fill'}`,
    count: 3,
    isShared: true,
    contenders: [
      {
        name: 'DataLoader over MGET and SETs',
        read: (at) => {
          // As its documentation advises: a loader for each request.
          const loader = new DataLoader<string, Product>(read, { maxBatchSize: size })
          return Promise.all(listAt('h', at).map((id) => loader.load(id)))
        },
      },
      {
        name: '@Cacheable, loadMany, local: false',
        read: (at) => Promise.all(listAt('o', at).map((id) => own.findById(id))),
      },
    ],
  }
}

/** Counts up over all rounds, so that no list comes again where none may be cached. */
let asked = 0

async function measure({ contenders, count }: Group): Promise<readonly Row[]> {
  const times = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  for (let round = -3; round < rounds; round++) {
    // Whoever comes first in a round gains or loses by it: each does in its turn.
    const turn = Math.max(round, 0) % contenders.length
    for (const { name, read } of [...contenders.slice(turn), ...contenders.slice(0, turn)]) {
      globalThis.gc?.()
      const began = process.hrtime.bigint()
      for (let at = 0; at < count; at++) await read(asked++)
      const tookMs = Number(process.hrtime.bigint() - began) / 1e6
      if (round >= 0) times.get(name)!.push(tookMs / count)
    }
  }
  const floor = times.get(contenders[0]!.name)!
  return contenders.map(({ name }) => {
    const its = times.get(name)!
    const ratios = its.map((time, round) => time / floor[round]!)
    return { name, medianMs: quantile(its, 0.5)!, ratio: quantile(ratios, 0.5)! }
  })
}

/** What one list costs on the way: flushes that had to wait for an answer, and commands by the server's own count. */
async function costsOf(
  { contenders }: Group,
  server: RedisServer,
  proxy: TcpProxy,
): Promise<ReadonlyMap<string, string>> {
  const costs = new Map<string, string>()
  for (const { name, read } of contenders) {
    await read(asked++)
    let roundTrips = 0
    let isAnswered = true
    const stop = proxy.onData((_, { direction }) => {
      if (direction === 'toServer' && isAnswered) roundTrips++
      isAnswered = direction === 'toClient'
    })
    await server.resetStats()
    await read(asked++)
    const calls = Object.entries(await server.commandStats()).filter(([command]) => !['ping', 'info'].includes(command))
    stop()
    costs.set(name, `${roundTrips} round trips: ${calls.map(([command, count]) => `${count} ${command}`).join(', ')}`)
  }
  return costs
}

async function main(args: readonly string[]): Promise<void> {
  const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : undefined
  const server = await startRedis()
  const proxy = await startProxy(server.port)
  const groups = (url: string): readonly (() => Promise<Group>)[] => [
    () => allInRedis(url),
    () => noneCached(url),
    singlesInProcess,
    () => singlesInRedis(url, true),
    () => singlesInRedis(url, false),
  ]
  try {
    for (const [index, make] of groups(server.url).entries()) {
      await server.command('FLUSHALL')
      const group = await make()
      if (only === undefined || group.title.includes(only)) {
        const rows = await measure(group)
        for (const close of closing.splice(0)) await close()
        await server.command('FLUSHALL')
        const costs = group.isShared ? await costsOf(await groups(proxy.url)[index]!(), server, proxy) : undefined
        console.log(`\n${group.title}`)
        for (const { name, medianMs, ratio } of rows) {
          const time = `${medianMs.toFixed(2).padStart(8)} ms   × ${ratio.toFixed(2)}`
          console.log(`  ${name.padEnd(34)} ${time}   ${costs?.get(name) ?? ''}`.trimEnd())
        }
      }
      for (const close of closing.splice(0)) await close()
    }
  } finally {
    await proxy.close()
    await server.stop()
  }
}

void main(process.argv.slice(2))
