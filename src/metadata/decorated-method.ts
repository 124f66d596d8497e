import type { ClassConfig, Operation, ParameterMarks } from './operation'

/** Where a method stands, as far as its decorators know. */
export interface MethodPlace {
  readonly name: PropertyKey
  readonly isStatic: boolean
  readonly isPrivate: boolean
  /** The prototype, or the class for a static method. Unknown while a standard decorator runs. */
  readonly home: object | undefined
  /** The class's metadata object of the standard dialect, where the compiler provides one. */
  readonly metadata: object | undefined
  /** Parameter types as the compiler wrote them down (legacy dialect with `emitDecoratorMetadata`). */
  readonly parameterTypes: readonly unknown[] | undefined
}

const noMarks: ParameterMarks = Object.freeze({ keys: [], ignored: [] })

/** Everything recorded about one decorated method. Lives as long as the method itself. */
export class DecoratedMethod {
  readonly place: MethodPlace
  readonly original: Function
  readonly marks: ParameterMarks
  #operations: readonly Operation[] = []
  #seenIn: WeakRef<Function> | undefined

  constructor(place: MethodPlace, original: Function, marks: ParameterMarks = noMarks) {
    this.place = place
    this.original = original
    this.marks = marks
  }

  get operations(): readonly Operation[] {
    return this.#operations
  }

  add(operation: Operation): void {
    // Decorators run from the innermost outwards; the list reads as the source does.
    this.#operations = Object.freeze([operation, ...this.#operations])
  }

  /** A standard decorator runs before its class exists; this is the class that was then seen to declare the method. */
  seenIn(owner: Function): void {
    this.#seenIn ??= new WeakRef(owner)
  }

  /** The method's name as messages and default cache names show it. */
  get name(): string {
    const { name, isPrivate } = this.place
    if (typeof name === 'symbol') return `[${name.description ?? 'symbol'}]`
    // Quoted, what looks like a symbol or a private name does not look like one.
    return isPrivate || /^[\p{ID_Continue}$]+$/u.test(String(name)) ? String(name) : JSON.stringify(name)
  }

  /** `Class.method`, or what is known of it. */
  get where(): string {
    const owner = this.className
    return owner === undefined ? `method '${this.name}'` : `${owner}.${this.name}`
  }

  /** The name of the class that declares the method, where that is known. */
  get className(): string | undefined {
    return this.declaringClass?.name
  }

  get declaringClass(): Function | undefined {
    const { home, isStatic } = this.place
    if (home === undefined) return this.#seenIn?.deref()
    return isStatic ? (home as Function) : (home.constructor as Function | undefined)
  }
}

/** Settings of the nearest class, from this one upwards, that has any. */
export function classConfigOf(target: Function | undefined, metadata: object | undefined): ClassConfig | undefined {
  const config = (target as { [classConfig]?: ClassConfig } | undefined)?.[classConfig]
  return config ?? (metadata as { [classConfig]?: ClassConfig } | undefined)?.[classConfig]
}

/** Under this name a class, and its metadata object in the standard dialect, keep their {@link ClassConfig}. */
export const classConfig: unique symbol = Symbol('cachewright.class-config')
