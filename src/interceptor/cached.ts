import { cacheError } from '../kernel/errors'
import { show } from '../kernel/options'
import type { Memo } from '../memo/memo'
import { type Memos, memosOf } from '../memo/memos'
import { methodBehind } from '../metadata/operation-source'
import { type CachedMethod, MethodHandle } from './cached-method'

/** The methods of a service that may be cached, each as a handle: of `@Cacheable`, or of `@Memoize`. */
export type CachedMethods<Service> = {
  readonly [Name in keyof Service as Service[Name] extends (...args: never[]) => unknown
    ? Name
    : never]: Service[Name] extends (...args: infer Arguments) => infer Result
    ? Result extends Promise<infer Value>
      ? CachedMethod<Arguments, Value>
      : Memo<Arguments, Result>
    : never
}

/**
 * The decorated methods of an object (or of a class, for static ones), as something that can be looked at and steered:
 * `cached(products).findById.evict('42')`. Everything is checked by the compiler against the method.
 *
 * @throws (when a handle is taken) CW_OPTION_INVALID if the method is not decorated
 *
 * @example
 * ```ts
 * const { findById } = cached(products)
 * await findById.peek('42')              // { found: true, value: … }, without a load
 * await findById.warm([['42'], ['43']])
 * ```
 */
export function cached<Service extends object>(service: Service): CachedMethods<Service> {
  if ((typeof service !== 'object' && typeof service !== 'function') || service === null) {
    throw cacheError('CW_OPTION_INVALID', `cached(): give an object with decorated methods, got ${show(service)}.`)
  }
  // Of nothing, so that whoever lists or copies it finds no fields of the service.
  return new Proxy({}, { get: (_, name) => handleOf(service, name) }) as never
}

function handleOf(service: object, name: PropertyKey): unknown {
  const method: unknown = (service as Record<PropertyKey, unknown>)[name]
  // Whoever awaits or prints an object asks for these; that there are none is no mistake.
  if (method === undefined && (name === 'then' || name === 'toJSON' || typeof name === 'symbol')) return undefined
  const recorded = methodBehind(method)
  if (recorded !== undefined) return new MethodHandle(recorded, service, method as Function)
  const memos = (method as { readonly [memosOf]?: Memos } | undefined)?.[memosOf]
  const memo = memos?.of(service)
  if (memo !== undefined) return memo
  throw cacheError(
    'CW_OPTION_INVALID',
    `cached(${service.constructor?.name ?? 'object'}).${String(name)}: ${typeof method === 'function' ? 'the method stands under neither @Cacheable nor @Memoize' : 'there is no such method'}.`,
  )
}
