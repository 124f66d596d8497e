import { installInterceptor } from '../interceptor/install'
import { cacheError } from '../kernel/errors'
import { classOf, ownerOf } from '../metadata/cache-name'
import type { DecoratedMethod, MethodPlace } from '../metadata/decorated-method'
import type { Operation } from '../metadata/operation'
import { findMethod, recordMethod } from '../metadata/operation-source'
import { noteQueued } from '../metadata/queued-methods'
import { ownMetadata } from '../metadata/reflect'
import { checkParameters } from './check-parameters'

/*
 * Both dialects of decorators are told apart by their arguments: a standard decorator gets the method and a context
 * with a `kind`, a legacy one the prototype (or the class), a name and a property descriptor. The first decorator of
 * a method installs the wrapper, the others only record, so a foreign decorator in between does no harm.
 */

/** Makes the operations of a decorator, once it is known which method it stands on. */
export type OperationsFor = (method: { readonly where: string }) => readonly Operation[]

/** What a decorator stands on, in either dialect. */
export interface Standing {
  readonly kind: 'method' | 'getter'
  readonly place: MethodPlace
  readonly present: Function
  /** Puts a function in its place, or nothing where it is to stay: what the decorator has to return. */
  readonly replace: (by: Function | undefined) => unknown
  /** Tells the record of the method its class as soon as that is there. */
  readonly name: (method: DecoratedMethod) => void
}

/** The body of the decorators that record operations. */
export function decorateMethod(decorator: string, operationsFor: OperationsFor, args: readonly unknown[]): unknown {
  const { place, present, replace, name } = standingOf(decorator, args, ['method'])
  const { method, installed } = record(place, present, operationsFor)
  name(method)
  return replace(installed)
}

/**
 * What the decorator stands on, by the arguments it is called with.
 *
 * @throws CW_DECORATOR_MISPLACED where that is none of the allowed
 */
export function standingOf(
  decorator: string,
  [first, second, third]: readonly unknown[],
  allowed: readonly Standing['kind'][],
): Standing {
  const on = (what: string, name?: string | symbol): Error => misplaced(decorator, what, name, allowed)
  if (isStandardContext(second)) {
    const kind = allowed.find((its) => its === second.kind)
    if (kind === undefined || typeof first !== 'function')
      throw on(`${second.kind === 'accessor' ? 'an' : 'a'} ${second.kind}`)
    return {
      kind,
      place: {
        name: second.name,
        isStatic: second.static,
        isPrivate: second.private,
        home: undefined,
        metadata: second.metadata,
        parameterTypes: undefined,
      },
      present: first,
      replace: (by) => by,
      // The class does not exist yet; its name is for messages.
      name: (method) =>
        second.addInitializer(function (this: unknown) {
          const owner = ownerOf(method, classOf(this))
          if (owner !== undefined) method.seenIn(owner)
        }),
    }
  }
  const descriptor = third as PropertyDescriptor | undefined
  const name = second as string | symbol | undefined
  if (name === undefined) throw on('a class')
  if (typeof descriptor !== 'object') throw on('a property', name)
  const kind = allowed.find((its) => typeof descriptor[slotOf[its]] === 'function')
  if (kind === undefined) throw on(allowed.includes('getter') ? 'a setter' : 'an accessor', name)
  const home = first as object
  return {
    kind,
    place: {
      name,
      isStatic: typeof home === 'function',
      isPrivate: false,
      home,
      metadata: undefined,
      parameterTypes: ownMetadata<readonly unknown[]>('design:paramtypes', home, name),
    },
    present: descriptor[slotOf[kind]] as Function,
    replace: (by) => {
      if (by !== undefined) Object.assign(descriptor, { [slotOf[kind]]: by })
      return descriptor
    },
    name: () => {},
  }
}

/** Where a legacy descriptor holds the function. */
const slotOf = { method: 'value', getter: 'get' } as const

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
    if (operation.behind !== undefined) noteQueued(method)
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
export function refuseBare(decorator: string, args: ArrayLike<unknown>, allowed?: readonly Standing['kind'][]): void {
  if (args.length > 1) throw misplaced(decorator, 'a method without being called', undefined, allowed)
}

/** Whether the second argument of a decorator says that it runs in the standard dialect. */
export function isStandardContext(second: unknown): second is StandardContext {
  return typeof second === 'object' && second !== null && 'kind' in second
}

function misplaced(
  decorator: string,
  what: string,
  name: string | symbol | undefined,
  allowed: readonly Standing['kind'][] = ['method'],
): Error {
  const which = name === undefined ? what : `${what} ('${String(name)}')`
  const [where, above] = allowed.includes('getter')
    ? ['a method or a getter', 'a synchronous one']
    : ['a method', 'an async method']
  return cacheError(
    'CW_DECORATOR_MISPLACED',
    `${decorator} stands on ${which}; it belongs on ${where}. Write it as a call, ${decorator}({ … }), directly above ${above}.`,
  )
}
