/**
 * Uses a manager while its connections are cut over and over, and weighs itself when asked to: what a reconnect leaves behind
 * is there a thousand times after a thousand of them.
 */
import { EventEmitter } from 'node:events'
import { Session } from 'node:inspector'
import { Socket } from 'node:net'
import { Redis } from 'ioredis'
import { createCacheManager } from '../../../src/index'
import { failFast, listenOnly } from '../../../src/redis/client-options'
import { redis } from '../../../src/redis/index'
import { eventually } from '../../support/eventually'

/** What this process consists of. */
export interface Weight {
  /** Listeners of the clients, their sockets and the process, by event. */
  readonly listeners: Readonly<Record<string, number>>
  /** How many objects of a kind there are. */
  readonly objects: Readonly<Record<string, number>>
  /** What all Maps hold together, and all Sets, and all arrays. */
  readonly held: Readonly<Record<string, number>>
  /** Timers and sockets at work. */
  readonly resources: Readonly<Record<string, number>>
  readonly heapMb: number
}

const session = new Session()
session.connect()

interface Remote {
  readonly result: { readonly objectId: string; readonly value?: unknown }
  readonly objects: { readonly objectId: string }
}

/** In-process, the inspector answers before `post` is over. */
function inspect(method: string, params: object): Remote {
  let answer: Remote | undefined
  session.post(method, params, (error: Error | null, given?: object) => {
    if (error !== null) throw error
    answer = given as Remote
  })
  if (answer === undefined) throw new Error(`${method} was not answered`)
  return answer
}

/** Sums up over all live objects with this prototype; collects garbage first. */
function overAll(prototype: object, sum: string): number {
  Object.assign(globalThis, { weighed: prototype })
  const { result } = inspect('Runtime.evaluate', { expression: 'weighed', objectGroup: 'weight' })
  const { objects } = inspect('Runtime.queryObjects', { prototypeObjectId: result.objectId, objectGroup: 'weight' })
  const summed = inspect('Runtime.callFunctionOn', {
    objectId: objects.objectId,
    functionDeclaration: `function () { return this.reduce((sum, it) => sum + (${sum}), 0) }`,
    returnByValue: true,
  })
  inspect('Runtime.releaseObjectGroup', { objectGroup: 'weight' })
  return summed.result.value as number
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

function listenersOf(emitters: Readonly<Record<string, EventEmitter>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(emitters).flatMap(([name, emitter]) =>
      emitter.eventNames().map((event) => [`${name} ${String(event)}`, emitter.listenerCount(event)]),
    ),
  )
}

function weigh(clients: readonly Redis[]): Weight {
  const emitters: Record<string, EventEmitter> = { process }
  for (const [index, client] of clients.entries()) {
    const its = client as unknown as { readonly stream: EventEmitter; readonly connector: unknown }
    emitters[`client ${index}`] = client
    emitters[`socket ${index}`] = its.stream
    if (its.connector instanceof EventEmitter) emitters[`connector ${index}`] = its.connector
  }
  const size = (property: string): string => `Number.isInteger(it.${property}) ? it.${property} : 0`
  const held = {
    maps: overAll(Map.prototype, size('size')),
    sets: overAll(Set.prototype, size('size')),
    arrays: overAll(Array.prototype, size('length')),
  }
  const kinds = { Map, Set, Promise, Function, EventEmitter, Socket, Redis }
  const objects = Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [name, overAll(kind.prototype, '1')]))
  globalThis.gc!()
  return {
    listeners: listenersOf(emitters),
    objects,
    held,
    resources: countBy(process.getActiveResourcesInfo()),
    heapMb: process.memoryUsage().heapUsed / 2 ** 20,
  }
}

async function main(url: string): Promise<void> {
  for (const options of [failFast, listenOnly] as { retryStrategy: (attempt: number) => number }[])
    options.retryStrategy = () => 1
  const stock = new Redis(url, { lazyConnect: true })
  const clients: Redis[] = []
  const duplicate = stock.duplicate.bind(stock)
  stock.duplicate = (options) => {
    const client = duplicate(options)
    clients.push(client)
    return client
  }
  const manager = createCacheManager({ shared: redis({ client: stock }) })
  const cache = manager.cache<number>('c')
  let isAtWork = true
  const work = async (): Promise<void> => {
    for (let at = 0; isAtWork; at++) {
      const id = at % 50
      await cache.getOrLoad(id, async () => id, { tags: ['x'] })
      await (at % 3 === 0 ? cache.evict(id) : cache.put(id, id, { tags: ['x'] }))
      if (at % 50 === 0) await manager.evictTags(['x'])
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }
  let works = [work(), work()]
  process.on('message', (message) => {
    void (async () => {
      isAtWork = false
      await Promise.all(works)
      if (message === 'weigh') {
        // Nothing is on its way: no heartbeat, no eviction that has to be sent again.
        await eventually(() => manager.stats().deferredEvictions === 0)
        await eventually(() =>
          clients.every((its) => (its as unknown as { commandQueue: { length: number } }).commandQueue.length === 0),
        )
        process.send!(weigh(clients))
        isAtWork = true
        works = [work(), work()]
      } else {
        await manager.close()
        process.disconnect()
      }
    })()
  })
  await manager.ready()
  process.send!('ready')
}

if (require.main === module) void main(process.argv[2]!)
