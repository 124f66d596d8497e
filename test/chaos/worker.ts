import { Cacheable, CacheEvict, type CacheManager, CachePut, createCacheManager, type Duration } from 'cachewright'
import { redis } from 'cachewright/redis'
import { type Broken, type Eviction, FileRecorder, now, watchLag } from './history'
import { allKeys, type CacheName, cacheNames, cacheSizes, carriersOf, groups, keysOf, nameOf, tagOf } from './keys'
import type { Order, WorkerOrder } from './messages'
import { Random } from './random'
import { type SourceAnswer, SourceFailure } from './source'

/*
 * One process of the service: a manager over Redis, and a few clients that read, write and evict as their seed says. It
 * is stopped, cut off and killed from outside, and knows nothing of that.
 */

interface Item {
  readonly key: string
  readonly version: number
  readonly tag: string | undefined
}

/** When the method of a write ran, for the time the cache took on top. */
interface Method {
  from: number
  until: number
}

const order = JSON.parse(process.argv[2]!) as WorkerOrder
const { by } = order
const recorder = new FileRecorder(order.file)
const clientCount = 3
const settleDeadlineMs = 15_000
const finishDeadlineMs = 15_000

const ttlOf: Readonly<Record<CacheName, Duration>> = { items: '1h', plain: '1h', brief: '400ms' }

let isWriting = order.isWriting
let isWorking = true
let asked = 0
const questions = new Map<number, { resolve(version: number): void; reject(error: Error): void }>()
const calls = new Map<number, { readonly call: string; readonly at: number }>()
let callCount = 0

function ask(action: 'read' | 'write', key: string): Promise<number> {
  asked += 1
  const id = asked
  return new Promise((resolve, reject) => {
    questions.set(id, { resolve, reject })
    process.send!({ kind: 'ask', id, action, key })
  })
}

function answered({ id, version }: SourceAnswer): void {
  const question = questions.get(id)!
  questions.delete(id)
  if (version === undefined) question.reject(new SourceFailure())
  else question.resolve(version)
}

async function load(cache: CacheName, id: number): Promise<Item> {
  const key = nameOf(cache, id)
  const from = now()
  let version: number | undefined
  try {
    version = await ask('read', key)
    return { key, version, tag: tagOf(cache, id) }
  } finally {
    recorder.note({ type: 'load', by, key, from, until: now(), ...(version === undefined ? {} : { version }) })
  }
}

async function write(cache: CacheName, id: number, method: Method): Promise<Item> {
  const key = nameOf(cache, id)
  method.from = now()
  try {
    return { key, version: await ask('write', key), tag: tagOf(cache, id) }
  } finally {
    method.until = now()
  }
}

interface Shelf {
  read(id: number): Promise<Item>
  update(id: number, method: Method): Promise<Item>
  remove(id: number, method: Method): Promise<Item>
}

/** A service over one cache, as users write it. */
function shelfOf(cache: CacheName, manager: CacheManager): Shelf {
  const tags = (item: Item): string[] => (item.tag === undefined ? [] : [item.tag])
  const tagged = cache === 'plain' ? {} : { tags }
  class ChaosShelf implements Shelf {
    @Cacheable({ cache, ttl: ttlOf[cache], key: (id: number) => id, ...tagged })
    read(id: number): Promise<Item> {
      return load(cache, id)
    }

    @CachePut({ cache, ttl: ttlOf[cache], key: (id: number, _method: Method) => id, ...tagged })
    update(id: number, method: Method): Promise<Item> {
      return write(cache, id, method)
    }

    @CacheEvict({ cache, key: (id: number, _method: Method) => id })
    remove(id: number, method: Method): Promise<Item> {
      return write(cache, id, method)
    }
  }
  return manager.bind(new ChaosShelf())
}

function broken(what: Broken['what'], call: string, error: unknown): void {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  recorder.note({ type: 'broken', by, what, call, at: now(), message })
}

/** Runs a call and sees to it that it is missed if it never ends, and that no error but the source's own reaches it. */
async function calling(call: string, work: () => Promise<void>): Promise<void> {
  callCount += 1
  const id = callCount
  calls.set(id, { call, at: now() })
  try {
    await work()
  } catch (error) {
    if (!(error instanceof SourceFailure)) broken('rejected', call, error)
  } finally {
    calls.delete(id)
  }
}

const manager = createCacheManager({
  prefix: 'chaos',
  maxStaleness: order.maxStalenessMs,
  shared: redis({ ...order.address, commandTimeout: order.commandTimeoutMs } as Parameters<typeof redis>[0]),
})
const shelves = Object.fromEntries(cacheNames.map((name) => [name, shelfOf(name, manager)])) as Record<CacheName, Shelf>
let hitTier: string | undefined

manager.on('hit', ({ tier }) => {
  hitTier = tier
})
manager.on('deferred', ({ pending }) => recorder.note({ type: 'pending', by, at: now(), pending }))
manager.on('sharedFailure', ({ operation, error }) =>
  recorder.note({ type: 'failure', by, at: now(), operation, message: String((error as Error).message).slice(0, 90) }),
)
manager.on('unreadable', ({ key, error }) => broken('alien', `unreadable ${key}`, error))
manager.on('refused', ({ key, error }) => broken('alien', `refused ${key}`, error))
manager.on('skipped', ({ operation, error }) => broken('alien', `skipped ${operation}`, error))

async function read(cache: CacheName, id: number): Promise<void> {
  const key = nameOf(cache, id)
  await calling(`read ${key}`, async () => {
    const from = now()
    hitTier = undefined
    const answer = shelves[cache].read(id)
    const local = hitTier === 'local'
    const item = await answer.catch((error: unknown) => {
      recorder.note({ type: 'read', by, key, from, until: now(), failed: true })
      throw error
    })
    noteRead(key, from, item, local)
  })
}

function noteRead(key: string, from: number, item: Item | undefined, local: boolean): void {
  const until = now()
  if (item !== undefined && item.key !== key) {
    broken('alien', `read ${key}`, new Error(`answered with the value of ${item.key}`))
    return
  }
  const version = item === undefined ? {} : { version: item.version }
  recorder.note({ type: 'read', by, key, from, until, ...version, ...(local ? { local } : {}) })
}

/** Looks without loading. */
async function look(cache: CacheName, ids: readonly number[]): Promise<void> {
  await calling(`look ${cache}/${ids}`, async () => {
    const from = now()
    const items = await manager.cache<Item>(cache).getMany(ids.map((id) => id))
    for (const [index, id] of ids.entries()) noteRead(nameOf(cache, id), from, items[index], false)
  })
}

async function update(cache: CacheName, id: number): Promise<void> {
  await calling(`update ${cache}/${id}`, async () => {
    const called = now()
    const method: Method = { from: called, until: called }
    const item = await shelves[cache].update(id, method)
    noteEviction('put', [nameOf(cache, id)], method.until, now() - called - (method.until - method.from), item.version)
  })
}

async function remove(cache: CacheName, id: number): Promise<void> {
  await calling(`remove ${cache}/${id}`, async () => {
    const called = now()
    const method: Method = { from: called, until: called }
    await shelves[cache].remove(id, method)
    noteEviction('evict', [nameOf(cache, id)], method.until, now() - called - (method.until - method.from))
  })
}

/** Writes first, then tells the cache by itself. */
async function writeAndEvict(
  how: Eviction['how'],
  written: readonly (readonly [CacheName, number])[],
  keys: readonly string[],
  tell: () => Promise<void>,
): Promise<void> {
  await calling(`${how} ${keys.length > 3 ? keys.length : keys}`, async () => {
    await Promise.all(written.map(([cache, id]) => ask('write', nameOf(cache, id))))
    const from = now()
    await tell()
    noteEviction(how, keys, from, now() - from)
  })
}

function noteEviction(
  how: Eviction['how'],
  keys: readonly string[],
  from: number,
  tookMs: number,
  version?: number,
): void {
  const until = now()
  const pending = manager.stats().deferredEvictions
  recorder.note({
    type: 'eviction',
    how,
    by,
    keys,
    from,
    until,
    pending,
    tookMs,
    ...(version === undefined ? {} : { version }),
  })
}

const reading = { read: 88, look: 12 } as const
const working = {
  ...reading,
  update: 7,
  remove: 6,
  evict: 3,
  evictMany: 1,
  tags: 2,
  tagsEverywhere: 0.7,
  clear: 0.3,
  clearEverything: 0.1,
} as const
const cacheWeights: Readonly<Record<CacheName, number>> = { items: 5, plain: 3, brief: 1 }

async function act(random: Random): Promise<void> {
  const cache = random.weighted(cacheWeights)
  const any = (): number => random.index(cacheSizes[cache])
  // Some keys are written all the time, others hardly ever: what is wrong with a copy must have time to show.
  const often = (): number => Math.floor(random.next() ** 3 * cacheSizes[cache])
  const id = often()
  switch (random.weighted<keyof typeof working>(isWriting ? working : reading)) {
    case 'read':
      return read(cache, any())
    case 'look':
      return look(cache, [any(), any(), any()])
    case 'update':
      return update(cache, id)
    case 'remove':
      return remove(cache, id)
    case 'evict':
      return writeAndEvict('evict', [[cache, id]], [nameOf(cache, id)], () => manager.cache(cache).evict(id))
    case 'evictMany': {
      const ids = [...new Set([id, often(), often()])]
      const keys = ids.map((its) => nameOf(cache, its))
      const written = ids.map((its) => [cache, its] as const)
      return writeAndEvict('evict', written, keys, () => manager.cache(cache).evictMany(ids))
    }
    case 'tags': {
      const tag = `g${random.index(groups)}`
      const its = cache === 'plain' ? 'items' : cache
      const written = [[its, carrier(its, tag, random)] as const]
      return writeAndEvict('tags', written, carriersOf(its, tag), () => manager.cache(its).evictTags([tag]))
    }
    case 'tagsEverywhere': {
      const tag = `g${random.index(groups)}`
      const written = [
        ['items', carrier('items', tag, random)] as const,
        ['brief', carrier('brief', tag, random)] as const,
      ]
      const keys = cacheNames.flatMap((name) => carriersOf(name, tag))
      return writeAndEvict('tags', written, keys, () => manager.evictTags([tag]))
    }
    case 'clear':
      return writeAndEvict(
        'clear',
        [
          [cache, any()],
          [cache, any()],
        ],
        keysOf(cache),
        () => manager.cache(cache).clear(),
      )
    case 'clearEverything':
      return writeAndEvict('clear', [[cache, any()]], allKeys, () => manager.clear())
  }
}

function carrier(cache: CacheName, tag: string, random: Random): number {
  return Number(random.pick(carriersOf(cache, tag)).split('/')[1])
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

async function client(index: number): Promise<void> {
  const random = Random.of(order.seed, Number(by) * 1000, index)
  while (isWorking) {
    await act(random)
    await pause(random.between(0, 24))
  }
}

/** Waits until this process has reached Redis and keeps nothing back. */
async function settle(): Promise<void> {
  isWorking = false
  const deadline = now() + settleDeadlineMs
  let quiet = 0
  while (quiet < 3 && now() < deadline) {
    await manager.cache('probe').evict(by)
    quiet = manager.stats().deferredEvictions === 0 ? quiet + 1 : 0
    await pause(60)
  }
  const pending = manager.stats().deferredEvictions
  if (pending > 0) broken('undrained', 'settle', new Error(`${pending} evictions have not arrived`))
  process.send!({ kind: 'settled', pending })
}

async function finish(): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    for (const cache of cacheNames) {
      const ids = Array.from({ length: cacheSizes[cache] }, (_, id) => id)
      if (round > 0) await look(cache, ids)
      await Promise.all(ids.map((id) => read(cache, id)))
    }
  }
  const deadline = now() + finishDeadlineMs
  while (calls.size > 0 && now() < deadline) await pause(20)
  for (const { call, at } of calls.values()) broken('hung', call, new Error(`called at ${at} and never answered`))
  await calling('close', () => manager.close())
  stopWatching()
  recorder.note({ type: 'mark', what: 'ended', by, at: now() })
  recorder.close()
  process.send!({ kind: 'finished' }, () => process.exit(0))
}

process.on('unhandledRejection', (reason) => broken('unhandled', 'rejection', reason))
process.on('uncaughtException', (error) => broken('unhandled', 'exception', error))
process.on('warning', (warning: Error & { code?: string }) => {
  // That Redis cannot be reached is what this is about.
  if (!warning.code?.startsWith('CW_SHARED_')) broken('warning', warning.code ?? warning.name, warning)
})
// The parent is gone, and nobody is left to tell anything to.
process.on('disconnect', () => process.exit(1))
process.on('message', (word: Order) => {
  if (word.kind === 'answer') answered(word)
  else if (word.kind === 'writing') isWriting = word.on
  else if (word.kind === 'settle') void settle()
  else void finish()
})

recorder.note({ type: 'mark', what: 'started', by, at: now() })
process.send!({ kind: 'up', at: now() })
const stopWatching = watchLag(by, recorder)
void manager.ready().then(() => {
  for (let index = 0; index < clientCount; index += 1) void client(index)
})
