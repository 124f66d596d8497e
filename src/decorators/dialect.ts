import { classOf, ownerOf } from '../interceptor/cache-name'
import { installInterceptor } from '../interceptor/install'
import { cacheError } from '../kernel/errors'
import type { DecoratedMethod, MethodPlace } from '../metadata/decorated-method'
import type { Operation } from '../metadata/operation'
import { findMethod, recordMethod } from '../metadata/operation-source'
import { ownMetadata } from '../metadata/reflect'
import { checkParameters } from './check-parameters'

/*
 * Both dialects of decorators are told apart by their arguments: a standard decorator gets the method and a context
 * with a `kind`, a legacy one the prototype (or the class), a name and a property descriptor. The first decorator of
 * a method installs the wrapper, the others only record, so a foreign decorator in between does no harm.
 */

/** Makes the operations of a decorator, once it is known which method it stands on. */
export type OperationsFor = (method: { readonly where: string }) => readonly Operation[]

/** The body of every method decorator. */
export function decorateMethod(decorator: string, operationsFor: OperationsFor, args: readonly unknown[]): unknown {
  const [first, second, third] = args
  if (isStandardContext(second)) {
    if (second.kind !== 'method' || typeof first !== 'function') throw misplaced(decorator, `a ${second.kind}`)
    const place: MethodPlace = {
      name: second.name,
      isStatic: second.static,
      isPrivate: second.private,
      home: undefined,
      metadata: second.metadata,
      parameterTypes: undefined,
    }
    const { method, installed } = record(place, first, operationsFor)
    // The class does not exist yet; its name is for messages.
    second.addInitializer(function (this: unknown) {
      const owner = ownerOf(method, classOf(this))
      if (owner !== undefined) method.seenIn(owner)
    })
    return installed
  }
  const descriptor = third as PropertyDescriptor | undefined
  const name = second as string | symbol | undefined
  if (name === undefined) throw misplaced(decorator, 'a class')
  if (typeof descriptor !== 'object' || typeof descriptor.value !== 'function') {
    throw misplaced(decorator, descriptor === undefined ? 'a property' : 'an accessor', name)
  }
  const home = first as object
  const place: MethodPlace = {
    name,
    isStatic: typeof home === 'function',
    isPrivate: false,
    home,
    metadata: undefined,
    parameterTypes: ownMetadata<readonly unknown[]>('design:paramtypes', home, name),
  }
  const { installed } = record(place, descriptor.value as Function, operationsFor)
  if (installed !== undefined) descriptor.value = installed
  return descriptor
}

interface Recorded {
  readonly method: DecoratedMethod
  /** The wrapper, if this was the method's first decorator. */
  readonly installed: Function | undefined
}

function record(place: MethodPlace, present: Function, operationsFor: OperationsFor): Recorded {
  const known: DecoratedMethod | undefined = findMethod(place, present)
  const method = known ?? recordMethod(place, present)
  // Made outermost first by @Caching, and the list grows at its front.
  for (const operation of [...operationsFor(method)].reverse()) {
    checkParameters(method, operation)
    method.add(operation)
  }
  return { method, installed: known === undefined ? installInterceptor(method) : undefined }
}

interface StandardContext {
  readonly kind: string
  readonly name: string | symbol
  readonly static: boolean
  readonly private: boolean
  readonly metadata: object | undefined
  addInitializer(initializer: (this: unknown) => void): void
}

/** `@Cacheable` instead of `@Cacheable()`: in JavaScript the method would silently be replaced. */
export function refuseBare(decorator: string, args: ArrayLike<unknown>): void {
  if (args.length > 1) throw misplaced(decorator, 'a method without being called')
}

/** Whether the second argument of a decorator says that it runs in the standard dialect. */
export function isStandardContext(second: unknown): second is StandardContext {
  return typeof second === 'object' && second !== null && 'kind' in second
}

function misplaced(decorator: string, what: string, name?: string | symbol): Error {
  const which = name === undefined ? what : `${what} ('${String(name)}')`
  return cacheError(
    'CW_DECORATOR_MISPLACED',
    `${decorator} stands on ${which}; it belongs on a method. Write it as a call, ${decorator}({ … }), directly above an async method.`,
  )
}
