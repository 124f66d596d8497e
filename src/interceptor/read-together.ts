import { AsyncResource } from 'node:async_hooks'
import type { Cache } from '../cache/cache'
import { currentFlight } from '../cache/current-flight'
import { currentTransaction } from '../cache/transaction'
import { cacheError } from '../kernel/errors'
import type { DecoratedMethod } from '../metadata/decorated-method'
import { methodBehind } from '../metadata/operation-source'
import { Batch } from './batch'
import { Invocation } from './invocation'
import { ListCall, type LoadedElement } from './list-call'
import type { Planned } from './plan'
import { keyOf } from './questions'
import { type Item, type Reading, readItems, requestFor, type Take } from './read-items'

/** The method for many that calls of one turn are gathered for. */
interface Together {
  readonly call: ListCall
  readonly method: DecoratedMethod
  /** For calls of this turn. */
  readonly open: Open[]
}

/** What may be loaded by one call: what the method is asked for in one cache, by one tenant. */
interface Open {
  readonly partition: string
  readonly reading: Reading
  /** Of who asked first, where any are read for others. */
  context: AsyncResource | undefined
  /** Who waits to be told how the value of an element is had. */
  readonly waiting: Map<Item, { readonly resolve: (take: Take) => void; readonly reject: (error: unknown) => void }>
}

// By object and by the name of the method for many.
const together = new WeakMap<object, Map<PropertyKey, Together>>()

/** Whether a call can be gathered: it has one argument, and perhaps an AbortSignal; and there is an object that has the method for many. */
export function isGathered({ operation }: Planned, self: unknown, [, ...others]: readonly unknown[]): boolean {
  if (operation.loadMany === undefined || self === undefined || self === null) return false
  return others.every((its) => its instanceof AbortSignal || its === undefined)
}

/**
 * Reads one element as ever, except that what has to be loaded is loaded together with what other calls of the same turn of
 * the event loop have to load. Prior art: DataLoader; here the cache stands above, and a lease for each key.
 *
 * @throws (or rejects with) CW_DEFINITION_CONFLICT if `loadMany` names no method that could do so
 */
export function readTogether(
  planned: Planned,
  cache: Cache,
  method: DecoratedMethod,
  self: unknown,
  invocation: Invocation,
): Promise<unknown> {
  const [element] = invocation.args
  const key = keyOf(planned, cache, invocation)
  if (key === undefined) return invocation.direct()
  const { tiers } = cache.parts
  const hit = tiers.loads.hit(key)
  if (hit !== undefined) return hit
  const its = togetherOf(planned, method, self as object)
  const open = openFor(its, planned, cache, self)
  const item: Item = { element, key, invocation }
  // What can be left, or belongs to other work, is not read for others.
  if (invocation.signal !== undefined || currentFlight() !== undefined || currentTransaction() !== undefined) {
    const decided = open.reading.batch.expect()
    return tiers.loads.read(requestFor(item, open.reading, decided), invocation.signal).finally(decided)
  }
  open.context ??= new AsyncResource('cachewright.together')
  // Its value is taken where it was asked for: in the context of its own caller.
  return new Promise<Take>((resolve, reject) => open.waiting.set(item, { resolve, reject })).then((take) => take())
}

function togetherOf({ operation }: Planned, method: DecoratedMethod, self: object): Together {
  const name = operation.loadMany!
  const known = together.get(self) ?? new Map<PropertyKey, Together>()
  together.set(self, known)
  const found = known.get(name)
  if (found !== undefined) return found
  const target = methodBehind((self as Record<PropertyKey, unknown>)[name])
  const many = target?.operations.find((its) => its.many !== undefined)?.many
  if (target === undefined || many === undefined || many.list !== undefined) {
    throw cacheError(
      'CW_DEFINITION_CONFLICT',
      `${operation.decorator} of ${method.where}: \`loadMany\` must name a method of the same class that stands under @CacheableMany and takes a list as its first argument; '${String(name)}' does not.`,
    )
  }
  const its: Together = { call: new ListCall(target, many), method: target, open: [] }
  known.set(name, its)
  return its
}

function openFor(its: Together, planned: Planned, cache: Cache, self: unknown): Open {
  const { call, method, open } = its
  const { keys } = cache.parts
  const partition = keys.isPartitioned ? keys.encodeKey([]) : ''
  const isMeant = (one: Open): boolean =>
    one.reading.cache === cache && one.reading.planned === planned && one.partition === partition
  const present = open.find(isMeant)
  if (present !== undefined) return present
  const encode = (id: unknown): string => keys.encodePart(id)
  const batch = new Batch<Item, LoadedElement>(async (missing, signal) => {
    const ids = missing.map(({ element }) => element)
    const result = await new Invocation(method, self, call.argumentsOf(ids, [])).proceed(signal)
    return call.assign(result, ids, encode)
  }, call.maxBatch)
  const reading: Reading = { planned, cache, batch, leavesOut: call.leavesOut, signal: undefined }
  const opened: Open = { partition, reading, context: undefined, waiting: new Map() }
  open.push(opened)
  setImmediate(() => {
    open.splice(open.indexOf(opened), 1)
    if (opened.context === undefined) batch.close()
    else void opened.context.runInAsyncScope(readAll, undefined, opened)
  })
  return opened
}

async function readAll({ reading, waiting }: Open): Promise<void> {
  const take = (item: Item, its: Take): void => waiting.get(item)!.resolve(its)
  try {
    await readItems([...waiting.keys()], reading, { take, takeLater: take })
  } catch (error) {
    // The user's handler of errors wants calls to fail.
    reading.batch.close()
    for (const { reject } of waiting.values()) reject(error)
  }
}
