function refuseMutation(): never {
  throw new TypeError("this value came from a cache and is read-only: copy it first, or use isolation: 'copy'")
}

// Object.freeze does not reach what Date, Map and Set keep in internal slots, so their mutators are shadowed by own properties. Not
// enumerable: deep-equality checks, spreads and serialisers see the value as it was. Derived from the engine, so that
// mutators of later language versions are shadowed as well.
const mutators = (prototype: object, pattern: RegExp): readonly string[] =>
  Object.getOwnPropertyNames(prototype).filter((name) => pattern.test(name))

const dateMutators = mutators(Date.prototype, /^set/)
const mapMutators = mutators(Map.prototype, /^(set|delete|clear|getOrInsert.*)$/)
const setMutators = mutators(Set.prototype, /^(add|delete|clear)$/)
// Annex B: `compile` turns an expression into another one, even when it is frozen.
const regExpMutators = ['compile']

const shadow: PropertyDescriptor = { value: refuseMutation }

/** Makes an object of a built-in class read-only in place: mutators throw, own properties are frozen. */
export function makeReadOnly(value: Date | Map<unknown, unknown> | Set<unknown> | RegExp, kind: ReadOnlyKind): void {
  if (Object.isFrozen(value)) return
  const names = mutatorsOf[kind]
  // One by one is faster than Object.defineProperties, and this is the dearest part of a snapshot that has dates.
  for (let at = 0; at < names.length; at++) Object.defineProperty(value, names[at]!, shadow)
  Object.freeze(value)
}

const mutatorsOf = { date: dateMutators, map: mapMutators, set: setMutators, regexp: regExpMutators }

/** The kinds {@link makeReadOnly} knows. */
export type ReadOnlyKind = keyof typeof mutatorsOf
