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
const forget = new FinalizationRegistry<WeakRef<DecoratedMethod>>((reference) => known.delete(reference))

/** Every decorated method there is now. */
export function decoratedMethods(): DecoratedMethod[] {
  return [...known].map((reference) => reference.deref()).filter((method) => method !== undefined)
}

/** What was recorded for the method at this place, by whichever of its decorators ran first. */
export function findMethod(place: MethodPlace, present: Function): DecoratedMethod | undefined {
  if (place.home !== undefined) return ownMetadata<DecoratedMethod>(recorded, place.home, place.name)
  return byWrapper.get(present) ?? ownRecords(place.metadata)?.get(standardName(place))
}

/** Starts the record of a method that its first decorator was found on. */
export function recordMethod(place: MethodPlace, original: Function): DecoratedMethod {
  const marks = place.home === undefined ? undefined : ownMetadata<ParameterMarks>(marked, place.home, place.name)
  const method = new DecoratedMethod(place, original, marks)
  if (place.home !== undefined) setOwnMetadata(recorded, method, place.home, place.name)
  else if (place.metadata !== undefined) {
    const records = ownRecords(place.metadata) ?? new Map<string | symbol, DecoratedMethod>()
    Object.defineProperty(place.metadata, recorded, { value: records, configurable: true })
    records.set(standardName(place), method)
  }
  const reference = new WeakRef(method)
  known.add(reference)
  forget.register(method, reference)
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

type Records = Map<string | symbol, DecoratedMethod>

function ownRecords(metadata: object | undefined): Records | undefined {
  if (metadata === undefined || !Object.hasOwn(metadata, recorded)) return undefined
  return (metadata as { [recorded]?: Records })[recorded]
}

// A class may have a static, an instance and a private method of one name.
function standardName({ name, isStatic, isPrivate }: MethodPlace): string | symbol {
  return typeof name === 'symbol' ? name : `${isStatic ? 'static ' : ''}${isPrivate ? 'private ' : ''}${String(name)}`
}
