import type { Cache } from '../cache/cache'
import { currentTransaction } from '../cache/transaction'
import { cacheError } from '../kernel/errors'
import { show } from '../kernel/options'
import { versionText } from '../kernel/version'
import { keyFromFunction } from '../key/key-generator'
import type { DecoratedMethod } from '../metadata/decorated-method'
import type { QueuedWrite } from '../stores/write-queue'
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
  const invocation = new Invocation(method, self, [])
  // A write whose key is not known must not be lost: what the function throws is the caller's.
  const puts = values.map((value: unknown) => ({
    key: keyFromFunction(cache.parts.keys, operation.key!(value) as never, where),
    value,
  }))
  const newest = [...new Map(puts.map((put) => [put.key, put])).values()]
  startDraining(planned, method, self)
  const queue = planned.manager.writes(cache.name)
  // Now, since the caller may change its values when its call is over.
  const writes = queue.prepare(newest.map((put) => ({ ...put, version: versionOf(put.value, planned, invocation) })))
  const transaction = currentTransaction()
  if (transaction === undefined) return acceptAll(newest, writes, planned, cache, invocation)
  cache.parts.tiers.writes.touch(newest.map(({ key }) => key))
  const kept = newest.map(({ key }, index) => ({ key, value: queue.valueOf(writes[index]!) }))
  const accept = (): Promise<void> => acceptAll(kept, writes, planned, cache, invocation)
  // A commit that fails is a failure to the caller, who may try again.
  transaction.defer(accept, async () => {})
}

/** What tells a value from older ones; undefined, and reported, if that cannot be said. */
function versionOf(value: unknown, planned: Planned, invocation: Invocation): string | undefined {
  const { version } = planned.operation
  return version && invocation.ask(planned, 'version', () => versionText(version(value)))?.value
}

async function acceptAll(
  puts: readonly { readonly key: string; readonly value: unknown }[],
  writes: readonly QueuedWrite[],
  planned: Planned,
  cache: Cache,
  invocation: Invocation,
): Promise<void> {
  const { operation, manager } = planned
  const { tiers } = cache.parts
  const write = await tiers.writes.begin(tiers.isTagged(operation.tags !== undefined))
  try {
    const overtaken = await manager.writes(cache.name).accept(writes, operation.behind!)
    const newest = puts.filter(({ key }) => !overtaken.has(key))
    await tiers.writes.put(newest, termsOf(planned, cache, invocation), write)
  } catch (error) {
    // Some may have been accepted: what is cached may be older than what waits.
    await tiers.evictions.evict(puts.map(({ key }) => key))
    throw error
  } finally {
    tiers.writes.end(write)
  }
}

/** Has what waits for a method under `@WriteBehind` written by this object, as long as its manager is open. */
export function startDraining(planned: Planned, method: DecoratedMethod, self: unknown): void {
  const { operation, manager, caches } = planned
  const make = (values: readonly unknown[], signal: AbortSignal): Promise<unknown> =>
    new Invocation(method, self, [values, signal]).proceed()
  manager.writes(caches[0]!.name).drainWith(operation, method.where, operation.behind!, make)
}
