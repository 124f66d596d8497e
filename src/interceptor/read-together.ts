import type { Cache } from '../cache/cache'
import { cacheError } from '../kernel/errors'
import type { DecoratedMethod } from '../metadata/decorated-method'
import { methodBehind } from '../metadata/operation-source'
import { Batch } from './batch'
import { Invocation } from './invocation'
import { ListCall, type LoadedElement } from './list-call'
import type { Planned } from './plan'
import { keyOf, termsOf } from './questions'
import { elementRequest, type Item } from './read-many'

/** The method for many that calls of one turn are gathered for. */
interface Together {
  readonly call: ListCall
  readonly method: DecoratedMethod
  /** For calls of this turn; undefined: nobody has called yet. */
  batch: Batch<Item, LoadedElement> | undefined
}

// By object and by the name of the method for many.
const together = new WeakMap<object, Map<PropertyKey, Together>>()

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
  const [element, ...others] = invocation.args
  const isAlone = others.every((its) => its instanceof AbortSignal || its === undefined)
  const key = keyOf(planned, cache, invocation)
  if (key === undefined || !isAlone) return invocation.direct()
  const { tiers } = cache.parts
  const hit = tiers.loads.hit(key)
  if (hit !== undefined) return hit
  const its = togetherOf(planned, method, self as object)
  const batch = openBatch(its, cache, self)
  const decided = batch.expect()
  const item: Item = { element, key, terms: termsOf(planned, cache, invocation) }
  const tagged = tiers.isTagged(planned.operation.tags !== undefined)
  const request = elementRequest(item, batch, tagged, its.call.leavesOut, decided)
  return tiers.loads.read(request, invocation.signal).finally(decided)
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
  const its: Together = { call: new ListCall(target, many), method: target, batch: undefined }
  known.set(name, its)
  return its
}

function openBatch(its: Together, cache: Cache, self: unknown): Batch<Item, LoadedElement> {
  if (its.batch !== undefined) return its.batch
  const { call, method } = its
  const encode = (id: unknown): string => cache.parts.keys.encodePart(id)
  const batch = new Batch<Item, LoadedElement>(async (missing, signal) => {
    const ids = missing.map(({ element }) => element)
    const result = await new Invocation(method, self, call.argumentsOf(ids, [])).proceed(signal)
    return call.assign(result, ids, encode)
  }, call.maxBatch)
  its.batch = batch
  setImmediate(() => {
    its.batch = undefined
    batch.close()
  })
  return batch
}
