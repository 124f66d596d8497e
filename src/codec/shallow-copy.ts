/**
 * An object with this prototype and the own enumerable properties of another; each getter is read once, and an own `__proto__` stays
 * a property.
 *
 * Not `{ ...value }`: once frozen, each such object gets a hidden class of its own, which takes several times its memory
 * and makes slow every code that reads many of them. Objects begun with a prototype share theirs.
 */
export function shallowCopy(value: object, prototype: object | null): object {
  return { __proto__: prototype, ...value } as object
}
