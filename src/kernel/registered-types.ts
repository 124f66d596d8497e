import { cacheError } from './errors'

type AbstractClass<T extends object> = abstract new (...args: never[]) => T

/**
 * How instances of a class travel through keys and caches.
 *
 * Without `encode` and `decode` an instance is carried as its own enumerable properties and comes back with its
 * prototype and those properties; that is right for entities and value objects whose whole state is in plain properties,
 * and wrong for a class with `#private` state, which needs both functions.
 */
export interface RegisteredType<T extends object = object, Encoded = unknown> {
  readonly type: AbstractClass<T>
  /** The name written into keys and stored entries. @default `type.name` (state it if your build minifies class names) */
  readonly name?: string
  /** Makes of an instance something the cache can carry. @default its own enumerable properties */
  encode?(value: T): Encoded
  /** Makes an instance of what `encode` returned. @default an object with the class's prototype and those properties */
  decode?(encoded: Encoded): T
}

/** A class, or a class with the functions that carry it. */
export type TypeRegistration = AbstractClass<object> | RegisteredType<object, unknown>

/** A registration with every default filled in. */
export interface ResolvedType {
  readonly name: string
  readonly prototype: object
  readonly encode: (value: object) => unknown
  readonly decode: (encoded: unknown) => object
  /** Whether an instance is no more than its own enumerable properties: it was registered without functions. */
  readonly byProperties: boolean
}

/** Declares how a class is carried, with `encode` and `decode` checked against each other. */
export function registeredType<T extends object, Encoded>(
  type: AbstractClass<T>,
  how: Omit<RegisteredType<T, Encoded>, 'type'> = {},
): RegisteredType<T, Encoded> {
  return { type, ...how }
}

/** The classes a manager was told about. Belongs to the manager: there is no process-wide list. */
export class TypeRegistry {
  readonly #byPrototype = new Map<object, ResolvedType>()
  readonly #byName = new Map<string, ResolvedType>()

  constructor(registrations: readonly TypeRegistration[] = []) {
    for (const registration of registrations) this.#add(registration)
  }

  /** The registration of exactly this object's class; a subclass must be registered itself. */
  ofValue(value: object): ResolvedType | undefined {
    const prototype = Object.getPrototypeOf(value) as object | null
    return prototype === null ? undefined : this.#byPrototype.get(prototype)
  }

  ofPrototype(prototype: object): ResolvedType | undefined {
    return this.#byPrototype.get(prototype)
  }

  byName(name: string): ResolvedType | undefined {
    return this.#byName.get(name)
  }

  #add(registration: TypeRegistration): void {
    const given = (typeof registration === 'function' ? { type: registration } : registration) as RegisteredType
    const type: { readonly name: string; readonly prototype: object } = given?.type
    if (typeof (type as unknown) !== 'function') {
      throw cacheError('CW_OPTION_INVALID', 'Option `types` takes classes or { type, name, encode, decode } objects.')
    }
    const name = given.name ?? type.name
    if (name === '') throw cacheError('CW_OPTION_INVALID', 'Option `types`: an anonymous class needs a `name`.')
    if (this.#byName.has(name)) {
      throw cacheError(
        'CW_OPTION_INVALID',
        `Option \`types\`: the name '${name}' is registered twice; give one class another \`name\`.`,
      )
    }
    if ((given.encode === undefined) !== (given.decode === undefined)) {
      throw cacheError(
        'CW_OPTIONS_CONTRADICT',
        `Option \`types\`: '${name}' has only one of \`encode\` and \`decode\`; give both or neither.`,
      )
    }
    const resolved: ResolvedType = {
      name,
      byProperties: given.encode === undefined,
      prototype: type.prototype,
      encode: given.encode ?? ((value) => ({ ...value })),
      decode: given.decode ?? ((encoded) => Object.assign(Object.create(type.prototype) as object, encoded)),
    }
    this.#byName.set(name, resolved)
    this.#byPrototype.set(type.prototype, resolved)
  }
}
