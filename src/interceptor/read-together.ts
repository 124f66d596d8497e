import { AsyncResource } from 'node:async_hooks'
import type { Cache } from '../cache/cache'
import { readsByItself } from '../cache/past-cache'
import { cacheError } from '../kernel/errors'
import { keyFromFunction, keyFromParameters } from '../key/key-generator'
import type { DecoratedMethod } from '../metadata/decorated-method'
import type { Operation } from '../metadata/operation'
import { methodBehind } from '../metadata/operation-source'
import { Batch } from './batch'
import { Invocation } from './invocation'
import { ListCall, type LoadedElement } from './list-call'
import type { Planned } from './plan'
import { keyOf, passes } from './questions'
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
export function isGathered(self: unknown, [, ...others]: readonly unknown[]): boolean {
  if (self === undefined || self === null) return false
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
  method: DecoratedMethod,
  self: unknown,
  invocation: Invocation,
): Promise<unknown> {
  if (!passes(planned, invocation)) return invocation.direct()
  const [cache] = planned.caches as readonly [Cache]
  const [element] = invocation.args
  const key = keyOf(planned, cache, invocation)
  if (key === undefined) return invocation.direct()
  const { tiers } = cache.parts
  const hit = tiers.loads.hit(key)
  if (hit !== undefined) return hit
  const its = togetherOf(planned, method, self as object, { cache, element, key })
  const open = openFor(its, planned, cache, self)
  const item: Item = { element, key, invocation }
  // What can be left, or belongs to other work, is not read for others.
  if (invocation.signal !== undefined || readsByItself()) {
    const decided = open.reading.batch.expect()
    return tiers.loads.read(requestFor(item, open.reading, decided), invocation.signal).finally(decided)
  }
  open.context ??= new AsyncResource('cachewright.together')
  // Its value is taken where it was asked for: in the context of its own caller.
  return new Promise<Take>((resolve, reject) => open.waiting.set(item, { resolve, reject })).then((take) => take())
}

/** @param first an element that is read, and the key it has by the method for one */
function togetherOf(
  { operation }: Planned,
  method: DecoratedMethod,
  self: object,
  first: { readonly cache: Cache; readonly element: unknown; readonly key: string },
): Together {
  const name = operation.loadMany!
  const known = together.get(self) ?? new Map<PropertyKey, Together>()
  together.set(self, known)
  const found = known.get(name)
  if (found !== undefined) return found
  const target = methodBehind((self as Record<PropertyKey, unknown>)[name])
  const listed = target?.operations.find((its) => its.many !== undefined)
  const many = listed?.many
  if (target === undefined || many === undefined || many.list !== undefined) {
    throw cacheError(
      'CW_DEFINITION_CONFLICT',
      `${operation.decorator} of ${method.where}: \`loadMany\` must name a method of the same class that stands under @CacheableMany and takes a list as its first argument; '${String(name)}' does not.`,
    )
  }
  refuseOtherKey(target, listed!, method, first)
  const its: Together = { call: new ListCall(target, many), method: target, open: [] }
  known.set(name, its)
  return its
}

/** Two keys for one element would be two entries, and an evict of one would leave the other. @throws CW_DEFINITION_CONFLICT */
function refuseOtherKey(
  target: DecoratedMethod,
  { caches, key, decorator }: Operation,
  method: DecoratedMethod,
  { cache, element, key: ofOne }: { readonly cache: Cache; readonly element: unknown; readonly key: string },
): void {
  const { keys } = cache.parts
  if (caches?.length !== 1 || caches[0] !== cache.name) return
  const where = `${decorator} of ${target.where}`
  const ofMany =
    key === undefined
      ? keyFromParameters(target.marks, target.where)(keys, [element])
      : keyFromFunction(keys, key(element), where)
  if (ofMany === ofOne) return
  throw cacheError(
    'CW_DEFINITION_CONFLICT',
    `${where} and the method that loads by it, ${method.where}, make different keys of one element in cache '${cache.name}': ${ofMany} and ${ofOne}. Give both the same \`key\`.`,
  )
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
