/** Names errors: by their class, or by a function that looks at one. */
export type ErrorFilter = (abstract new (...args: never[]) => object) | ((error: unknown) => boolean)

/** Which errors are meant. */
export interface ErrorFilters {
  /** Only these. @default all */
  readonly include?: readonly ErrorFilter[]
  /** Not these, even if `include` names them. @default none */
  readonly exclude?: readonly ErrorFilter[]
}

/**
 * Whether an error is meant. The truth table of JSR-107: neither list, all; one list, what it says; both, what is
 * included and not excluded.
 *
 * @throws what a function among the filters throws
 */
export function isMeant(error: unknown, { include, exclude }: ErrorFilters): boolean {
  if (include !== undefined && !include.some((filter) => matches(error, filter))) return false
  return exclude === undefined || !exclude.some((filter) => matches(error, filter))
}

function matches(error: unknown, filter: ErrorFilter): boolean {
  return isClass(filter) ? error instanceof filter : Boolean((filter as (error: unknown) => boolean)(error))
}

// An error class compiled to old JavaScript is a plain function, but inherits as errors do.
function isClass(filter: ErrorFilter): filter is abstract new (...args: never[]) => object {
  const { prototype } = filter as { readonly prototype?: unknown }
  return filter === Error || prototype instanceof Error || /^class\b/.test(Function.prototype.toString.call(filter))
}
