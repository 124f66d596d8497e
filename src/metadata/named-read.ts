import { describeThrown } from '../kernel/describe'
import { cacheError } from '../kernel/errors'
import { show } from '../kernel/options'
import { isOrExtends, ownCacheName, ownerOf } from './cache-name'
import { classConfigOf, type DecoratedMethod } from './decorated-method'
import type { Operation } from './operation'
import { methodsIn } from './operation-source'

/** An operation of a method on objects of a class. */
interface OperationOn {
  readonly method: DecoratedMethod
  readonly operation: Operation
  readonly owner: Function | undefined
}

/** A read whose entries an evict names by `of`: those it keeps on objects of one class. */
export interface NamedRead extends OperationOn {
  readonly owner: Function
}

/**
 * The reads that an evict on objects of a class names. On an object of the class that it names (or of a subclass) they are those of that object,
 * and a method that overrides the read is meant as well as what it overrides, for either may answer the other's calls.
 * Elsewhere they are those of the class itself.
 *
 * @throws CW_OPTION_INVALID if `of` does not answer with a class and a name; CW_DEFINITION_CONFLICT if what it names is no read
 */
export function namedReads({ operation, method, owner: runtime }: OperationOn): readonly NamedRead[] {
  const here = `${operation.decorator} of ${method.where}`
  const [named, name] = targetOf(operation, here)
  const owner = runtime !== undefined && isOrExtends(runtime, named) ? runtime : named
  const reads = methodsIn(owner, name).flatMap((its) => {
    // A standard decorator does not know its class.
    const declaring = ownerOf(its, owner)
    if (declaring !== undefined) its.seenIn(declaring)
    return its.operations
      .filter(({ kind }) => kind === 'read')
      .map((read): NamedRead => ({ method: its, operation: read, owner }))
  })
  if (reads.length > 0) return reads
  throw cacheError(
    'CW_DEFINITION_CONFLICT',
    `${here}: \`of\` must name a method under @Cacheable or @CacheableMany, whose entries are to be evicted; '${String(name)}' of ${named.name} is none.`,
  )
}

/** The caches that an operation or its class names, if they do. */
export function namedCaches({ method, operation, owner }: OperationOn): readonly string[] | undefined {
  return operation.caches ?? classConfigOf(owner, method.place.metadata)?.caches
}

/** The names of the caches that a read keeps its entries in. */
export function cachesOfRead(read: NamedRead): readonly string[] {
  return namedCaches(read) ?? [ownCacheName(read.method, read.owner)]
}

/** The manager that a read or its class names, if they do. */
export function managerOfRead({ method, operation, owner }: NamedRead): unknown {
  return operation.manager ?? classConfigOf(owner, method.place.metadata)?.manager
}

function targetOf(operation: Operation, here: string): readonly [Function, PropertyKey] {
  let answer: unknown
  try {
    answer = operation.of!()
  } catch (error) {
    throw cacheError('CW_OPTION_INVALID', `${here}: \`of\` threw: ${describeThrown(error)}`, error)
  }
  const [named, name] = (Array.isArray(answer) ? answer : []) as readonly unknown[]
  if (typeof named === 'function' && typeof named.prototype === 'object' && isName(name)) return [named, name]
  throw cacheError(
    'CW_OPTION_INVALID',
    `${here}: \`of\` must answer with a class and the name of a method, as in \`of: () => [ProductService, 'findById']\`; got ${show(answer)}.`,
  )
}

function isName(name: unknown): name is PropertyKey {
  return typeof name === 'string' || typeof name === 'symbol' || typeof name === 'number'
}
