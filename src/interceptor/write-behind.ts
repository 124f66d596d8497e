import type { Cache } from '../cache/cache'
import { currentTransaction } from '../cache/transaction'
import { cacheError } from '../kernel/errors'
import { show } from '../kernel/options'
import { keyFromFunction } from '../key/key-generator'
import type { DecoratedMethod } from '../metadata/decorated-method'
import { methodBehind } from '../metadata/operation-source'
import { planOf } from './install'
import { Invocation } from './invocation'
import type { Planned } from './plan'
import { termsOf } from './questions'

/**
 * Queues the values of a call and puts them in the cache; see `queue/write-worker.ts` for how they are written. In a
 * transaction both wait for its commit.
 */
export async function writeBehind(
  planned: Planned,
  method: DecoratedMethod,
  self: unknown,
  [values]: readonly unknown[],
): Promise<void> {
  const { operation } = planned
  const where = `${operation.decorator} of ${method.where}`
  if (!Array.isArray(values)) {
    throw cacheError('CW_OPTION_INVALID', `${where}: call it with an array of values, got ${show(values)}.`)
  }
  const [cache] = planned.caches as readonly [Cache]
  // A write whose key is not known must not be lost: what the function throws is the caller's.
  const puts = values.map((value: unknown) => ({
    key: keyFromFunction(cache.parts.keys, operation.key!(value) as never, where),
    value,
  }))
  startDraining(planned, method, self)
  const accept = (): Promise<void> => acceptAll(puts, planned, cache, new Invocation(method, self, []))
  const transaction = currentTransaction()
  if (transaction === undefined) return accept()
  cache.parts.tiers.writes.touch(puts.map(({ key }) => key))
  // A commit that fails is a failure to the caller, who may try again.
  transaction.defer(accept, async () => {})
}

async function acceptAll(
  puts: readonly { readonly key: string; readonly value: unknown }[],
  planned: Planned,
  cache: Cache,
  invocation: Invocation,
): Promise<void> {
  const { operation, manager } = planned
  const { tiers } = cache.parts
  const newest = [...new Map(puts.map((put) => [put.key, put])).values()]
  const write = await tiers.writes.begin(tiers.isTagged(operation.tags !== undefined))
  try {
    await manager.writes(cache.name).accept(newest, operation.behind!)
    await tiers.writes.put(newest, termsOf(planned, cache, invocation), write)
  } catch (error) {
    // Some may have been accepted: what is cached may be older than what waits.
    await tiers.evictions.evict(newest.map(({ key }) => key))
    throw error
  } finally {
    tiers.writes.end(write)
  }
}

/** Has what waits for a method under `@WriteBehind` written by this object, as long as its manager is open. */
function startDraining(planned: Planned, method: DecoratedMethod, self: unknown): void {
  const { operation, manager, caches } = planned
  const make = (values: readonly unknown[], signal: AbortSignal): Promise<unknown> =>
    new Invocation(method, self, [values, signal]).proceed()
  manager.writes(caches[0]!.name).drainWith(operation, method.where, operation.behind!, make)
}

/**
 * Lets an object's methods under `@WriteBehind` write what waits in their queues, whoever queued it, until the manager is
 * closed: for worker processes, and at start-up for what was left by a process that ended. Objects whose methods are
 * called do so without it.
 *
 * @throws CW_OPTION_INVALID if no method of the object stands under `@WriteBehind`; CW_NOT_CONFIGURED
 *
 * @example
 * ```ts
 * drainWrites(products)
 * ```
 */
export function drainWrites(service: object): void {
  const started = new Set<PropertyKey>()
  for (let home: unknown = service; home !== null && home !== Object.prototype; home = Object.getPrototypeOf(home)) {
    for (const name of Reflect.ownKeys(home as object)) {
      const present: unknown = Object.getOwnPropertyDescriptor(home, name)?.value
      const method = methodBehind(present)
      if (method === undefined || started.has(name)) continue
      const { behind } = planOf(method, service)
      if (behind === undefined) continue
      started.add(name)
      startDraining(behind, method, service)
    }
  }
  if (started.size > 0) return
  throw cacheError(
    'CW_OPTION_INVALID',
    `drainWrites(): ${service.constructor?.name ?? 'the object'} has no method under @WriteBehind.`,
  )
}
