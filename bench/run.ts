/**
 * What a cached call costs beside the same thing done by hand. Run by `npm run bench`, or `npm run bench -- --only hits`
 * (a part of a title) for some of it.
 *
 * Contenders take turns within one process, the order changes each round, and every ratio is taken to the floor of the
 * same round; the table gives medians. `dist` is measured: what users run.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { LRUCache } from 'lru-cache'
import type * as Root from '../src/index'
import type { CacheManager } from '../src/index'
import type * as Door from '../src/redis/index'
import { startRedis } from '../test/support/redis-server'
import { type Product, product } from './product'

// Built by the command that runs this, so that a fresh checkout still type-checks.
const { Cacheable, createCacheManager } = require('../dist/index.js') as typeof Root
const { redis } = require('../dist/redis/index.js') as typeof Door

interface Contender {
  readonly name: string
  /** Does the thing `count` times, and resolves when all is done. */
  run(count: number): Promise<void>
}

interface Group {
  readonly title: string
  /** The first contender is the floor. */
  readonly contenders: readonly Contender[]
  readonly count: number
  readonly rounds: number
}

interface Row {
  readonly group: string
  readonly name: string
  readonly medianNs: number
  /** Half the distance between the quartiles, as a share of the median. */
  readonly spread: number
  /** Median of the ratios to the floor in the same round. */
  readonly ratio: number
}

const keyCount = 1_000

/** Ids as users ask for them: few often, many seldom. Made before the clock runs, the same for every contender. */
const ids = zipf(8_192)

function zipf(length: number): readonly string[] {
  const weights = Array.from({ length: keyCount }, (_, rank) => 1 / (rank + 1))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let state = 42
  return Array.from({ length }, () => {
    state = (state * 48_271) % 2_147_483_647
    let left = (state / 2_147_483_647) * total
    const rank = weights.findIndex((weight) => {
      left -= weight
      return left <= 0
    })
    return `p${rank < 0 ? keyCount - 1 : rank}`
  })
}

const idAt = (at: number): string => ids[at & 8_191]!
const queries = new Map(Array.from({ length: keyCount }, (_, id) => [`p${id}`, { id: `p${id}`, locale: 'en' }]))

async function one(count: number, call: (at: number) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < count; at++) await call(at)
}

async function many(callers: number, count: number, call: (at: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const caller = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) await call(at)
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

function service(manager: CacheManager) {
  class Products {
    @Cacheable({ cache: 'byId', manager })
    async byId(id: string): Promise<Product> {
      return product(id)
    }

    @Cacheable({ cache: 'byQuery', manager })
    async byQuery(query: { readonly id: string; readonly locale: string }): Promise<Product> {
      return product(query.id)
    }
  }
  return new Products()
}

async function localHits(): Promise<Group> {
  const products = service(createCacheManager())
  const lru = new LRUCache<string, Product>({ max: 10_000 })
  for (const id of queries.keys()) lru.set(id, product(id))
  const byHand = {
    async byId(id: string): Promise<Product> {
      return lru.get(id) ?? product(id)
    },
  }
  return {
    title: 'hits in memory',
    count: 100_000,
    rounds: 21,
    contenders: [
      { name: 'async method around lru-cache (floor)', run: (count) => one(count, (at) => byHand.byId(idAt(at))) },
      { name: '@Cacheable, one string', run: (count) => one(count, (at) => products.byId(idAt(at))) },
      { name: '@Cacheable, one object', run: (count) => one(count, (at) => products.byQuery(queries.get(idAt(at))!)) },
    ],
  }
}

async function sharedHits(url: string, callers: number): Promise<Group> {
  const manager = createCacheManager({ shared: redis({ url }), local: false })
  const products = service(manager)
  const [plain, batching] = [new Redis(url), new Redis(url, { enableAutoPipelining: true })]
  closing.push(
    () => manager.close(),
    async () => plain.disconnect(),
    async () => batching.disconnect(),
  )
  await manager.ready()
  for (const id of queries.keys()) {
    await products.byId(id)
    await plain.set(`raw:${id}`, JSON.stringify(product(id)))
  }
  const byHand =
    (client: Redis) =>
    async (at: number): Promise<unknown> =>
      JSON.parse((await client.get(`raw:${idAt(at)}`))!)
  return {
    title: `hits in Redis, ${callers} callers`,
    count: callers === 1 ? 1_500 : 12_000,
    rounds: 15,
    contenders: [
      { name: 'GET + JSON.parse (floor)', run: (count) => many(callers, count, byHand(plain)) },
      { name: 'the same, auto-pipelined', run: (count) => many(callers, count, byHand(batching)) },
      { name: '@Cacheable, local: false', run: (count) => many(callers, count, (at) => products.byId(idAt(at))) },
    ],
  }
}

async function misses(url: string, callers: number): Promise<Group> {
  const manager = createCacheManager({ shared: redis({ url }) })
  const products = service(manager)
  const client = new Redis(url, { enableAutoPipelining: true })
  closing.push(
    () => manager.close(),
    async () => client.disconnect(),
  )
  await manager.ready()
  let fresh = 0
  const byHand = async (): Promise<unknown> => {
    const key = `raw:new:${fresh++}`
    const found = await client.get(key)
    if (found !== null) return JSON.parse(found)
    const value = product(key)
    await client.set(key, JSON.stringify(value), 'PX', 300_000)
    return value
  }
  return {
    title: `misses, ${callers} callers`,
    count: callers === 1 ? 800 : 6_000,
    rounds: 11,
    contenders: [
      { name: 'GET, load, SET (floor)', run: (count) => many(callers, count, byHand) },
      { name: '@Cacheable', run: (count) => many(callers, count, () => products.byId(`new${fresh++}`)) },
    ],
  }
}

const closing: (() => Promise<unknown>)[] = []

async function measure({ title, contenders, count, rounds }: Group): Promise<readonly Row[]> {
  const times = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  for (let round = -2; round < rounds; round++) {
    // Whoever comes first in a round gains or loses by it: each does in its turn.
    const turn = Math.max(round, 0) % contenders.length
    for (const { name, run } of [...contenders.slice(turn), ...contenders.slice(0, turn)]) {
      globalThis.gc?.()
      const began = process.hrtime.bigint()
      await run(count)
      if (round >= 0) times.get(name)!.push(Number(process.hrtime.bigint() - began) / count)
    }
  }
  const floor = times.get(contenders[0]!.name)!
  return contenders.map(({ name }) => {
    const its = times.get(name)!
    const medianNs = quantile(its, 0.5)
    return {
      group: title,
      name,
      medianNs,
      spread: (quantile(its, 0.75) - quantile(its, 0.25)) / 2 / medianNs,
      ratio: quantile(
        its.map((time, round) => time / floor[round]!),
        0.5,
      ),
    }
  })
}

function quantile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.round((sorted.length - 1) * at)]!
}

function show(rows: readonly Row[]): void {
  console.log(`\n${rows[0]!.group}`)
  for (const { name, medianNs, spread, ratio } of rows) {
    const time = medianNs < 10_000 ? `${medianNs.toFixed(0)} ns` : `${(medianNs / 1_000).toFixed(1)} µs`
    console.log(
      `  ${name.padEnd(42)} ${time.padStart(10)} ±${(spread * 100).toFixed(0).padStart(3)} %   × ${ratio.toFixed(2)}`,
    )
  }
}

/** The codec has a bench of its own; a checkout without it is measured without it. */
async function codec(): Promise<void> {
  const file = './codec'
  const found = (await import(file).catch(() => undefined)) as { main?(): Promise<void> } | undefined
  await found?.main?.()
}

async function main(args: readonly string[]): Promise<void> {
  const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : undefined
  const wanted = (title: string): boolean => only === undefined || title.includes(only)
  const server = await startRedis()
  const groups: readonly (readonly [string, () => Promise<Group>])[] = [
    ['hits in memory', localHits],
    ['hits in Redis, 1 callers', () => sharedHits(server.url, 1)],
    ['hits in Redis, 64 callers', () => sharedHits(server.url, 64)],
    ['misses, 1 callers', () => misses(server.url, 1)],
    ['misses, 64 callers', () => misses(server.url, 64)],
  ]
  const rows: Row[] = []
  try {
    for (const [title, make] of groups) {
      if (!wanted(title)) continue
      await server.command('FLUSHALL')
      const measured = await measure(await make())
      show(measured)
      rows.push(...measured)
      for (const close of closing.splice(0)) await close()
    }
  } finally {
    await server.stop()
  }
  if (wanted('codec')) await codec()
  const dir = join(__dirname, 'results')
  mkdirSync(dir, { recursive: true })
  const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length }
  const file = join(dir, `${new Date().toISOString().replaceAll(':', '-')}.json`)
  writeFileSync(file, `${JSON.stringify({ machine, rows }, undefined, 2)}\n`)
  console.log(`\n${file}`)
}

void main(process.argv.slice(2))
