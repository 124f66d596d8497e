import { noteDecorated } from './decorated-classes'
import { DecoratedMethod, type MethodPlace } from './decorated-method'
import type { ParameterMarks } from './operation'
import { ownMetadata, setOwnMetadata } from './reflect'

/*
 * Which methods are decorated, and how to find what was recorded about them. Nothing here outlives the classes: what is
 * recorded hangs on prototypes, metadata objects and wrappers, and the list that ready() looks through holds weak
 * references only.
 */

const recorded = Symbol('cachewright.method')
const marked = Symbol('cachewright.parameters')
const byWrapper = new WeakMap<Function, DecoratedMethod>()
const known = new Set<WeakRef<DecoratedMethod>>()
const listeners = new Set<(owner: Function) => void>()
const forget = new FinalizationRegistry<WeakRef<DecoratedMethod>>((reference) => known.delete(reference))

/** Every decorated method there is now. */
export function decoratedMethods(): DecoratedMethod[] {
  return [...known].map((reference) => reference.deref()).filter((method) => method !== undefined)
}

/**
 * Calls the listener with each class that declares decorated methods of its objects: with those there are, and from then on
 * with each as its first method is decorated. Not with classes under standard decorators: these run before their class
 * is there.
 */
export function onDecoratedClass(listener: (owner: Function) => void): void {
  listeners.add(listener)
  const known = decoratedMethods().filter(({ place }) => place.home !== undefined && !place.isStatic)
  for (const owner of new Set(known.map(({ declaringClass }) => declaringClass!))) listener(owner)
}

/** What was recorded for the method at this place, by whichever of its decorators ran first. */
export function findMethod(place: MethodPlace, present: Function): DecoratedMethod | undefined {
  if (place.home !== undefined) return ownMetadata<DecoratedMethod>(recorded, place.home, place.name)
  return byWrapper.get(present) ?? ownRecords(place.metadata)?.get(kindOf(place))?.get(place.name)
}

/**
 * The decorated method that objects of a class have under this name, or that the class has itself; inherited ones too,
 * but not behind an override that is not decorated.
 */
export function methodIn(owner: Function, name: PropertyKey, isStatic: boolean): DecoratedMethod | undefined {
  const [nearest] = declarationsIn(owner, name, isStatic)
  return nearest
}

/**
 * The decorated methods that objects of a class have under this name, or the class itself where they have none: the nearest,
 * and all that it overrides.
 */
export function methodsIn(owner: Function, name: PropertyKey): DecoratedMethod[] {
  const ofObjects = [...declarationsIn(owner, name, false)]
  const its = ofObjects.length > 0 ? ofObjects : [...declarationsIn(owner, name, true)]
  return its.filter((method) => method !== undefined)
}

/** The same, of objects or of the class itself as it is told. */
export function declaredIn(owner: Function, name: PropertyKey, isStatic: boolean): DecoratedMethod[] {
  return [...declarationsIn(owner, name, isStatic)].filter((method) => method !== undefined)
}

/** What each class that declares the method has recorded about it, from this one upwards. */
function* declarationsIn(
  owner: Function,
  name: PropertyKey,
  isStatic: boolean,
): Generator<DecoratedMethod | undefined, void> {
  for (let its: unknown = owner; typeof its === 'function'; its = Object.getPrototypeOf(its)) {
    const home = (isStatic ? its : its.prototype) as object | undefined
    const present = home && ownProperty(home, name)
    if (home === undefined || typeof present !== 'function') continue
    const place = { name, isStatic, isPrivate: false, parameterTypes: undefined }
    // A class that decorates nothing inherits the object of its parent.
    const metadata = ownProperty(its, Symbol.metadata) as object | undefined
    yield findMethod({ ...place, home, metadata: undefined }, present) ??
      findMethod({ ...place, home: undefined, metadata }, present)
  }
}

/** What was recorded for the method that this function took the place of. */
export function methodBehind(wrapper: unknown): DecoratedMethod | undefined {
  return typeof wrapper === 'function' ? byWrapper.get(wrapper) : undefined
}

/** Starts the record of a method that its first decorator was found on. */
export function recordMethod(place: MethodPlace, original: Function): DecoratedMethod {
  const marks = place.home === undefined ? undefined : ownMetadata<ParameterMarks>(marked, place.home, place.name)
  const method = new DecoratedMethod(place, original, marks)
  if (place.home !== undefined) setOwnMetadata(recorded, method, place.home, place.name)
  else if (place.metadata !== undefined) {
    const records: Records = ownRecords(place.metadata) ?? new Map()
    Object.defineProperty(place.metadata, recorded, { value: records, configurable: true })
    const ofKind = records.get(kindOf(place)) ?? new Map<PropertyKey, DecoratedMethod>()
    records.set(kindOf(place), ofKind.set(place.name, method))
  }
  const reference = new WeakRef(method)
  known.add(reference)
  forget.register(method, reference)
  if (!place.isStatic && noteDecorated(place)) {
    for (const listener of listeners) listener(method.declaringClass!)
  }
  return method
}

/** Notes that this function stands in for the method. */
export function recordWrapper(wrapper: Function, method: DecoratedMethod): void {
  byWrapper.set(wrapper, method)
}

/** The decorated method that a function stands in for. */
export function methodOf(wrapper: Function): DecoratedMethod | undefined {
  return byWrapper.get(wrapper)
}

/** Marks of the parameters of a method, gathered before the method's own decorators run. */
export function parameterMarks(home: object, name: PropertyKey): ParameterMarks {
  return ownMetadata<ParameterMarks>(marked, home, name) ?? { keys: [], ignored: [] }
}

export function setParameterMarks(home: object, name: PropertyKey, marks: ParameterMarks): void {
  setOwnMetadata(marked, Object.freeze(marks), home, name)
}

/** By name, for each kind of method: a class may have a static, an instance and a private one of one name. */
type Records = Map<string, Map<PropertyKey, DecoratedMethod>>

function ownRecords(metadata: object | undefined): Records | undefined {
  if (metadata === undefined || !Object.hasOwn(metadata, recorded)) return undefined
  return (metadata as { [recorded]?: Records })[recorded]
}

function kindOf({ isStatic, isPrivate }: MethodPlace): string {
  return `${isStatic ? 'static ' : ''}${isPrivate ? 'private' : 'public'}`
}

function ownProperty(target: object, name: PropertyKey): unknown {
  return Object.getOwnPropertyDescriptor(target, name)?.value
}
