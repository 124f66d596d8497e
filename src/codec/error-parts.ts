/** What an error carries: properties that enumeration does not show, and those it does. */
export interface ErrorParts {
  readonly hidden: Record<string, unknown>
  readonly shown: Record<string, unknown>
}

/** The properties an error may hold without showing them; others that are not enumerable are not carried. */
export const hiddenErrorProperties = ['message', 'name', 'stack', 'cause', 'errors'] as const

/** Takes an error apart. */
export function errorParts(error: Error): ErrorParts {
  const hidden: Record<string, unknown> = {}
  for (const name of hiddenErrorProperties) {
    const descriptor = Object.getOwnPropertyDescriptor(error, name)
    if (descriptor !== undefined && !descriptor.enumerable)
      hidden[name] = (error as unknown as Record<string, unknown>)[name]
  }
  return { hidden, shown: { ...error } }
}

/** A genuine error with this prototype and nothing of its own; no constructor but the language's runs. */
export function blankError(prototype: object): Error {
  function Shell(): void {}
  Shell.prototype = prototype
  const error = Reflect.construct(Error, [], Shell) as Error
  Reflect.deleteProperty(error, 'stack')
  return error
}

/** Gives a blank error its parts. */
export function fillError(error: Error, { hidden, shown }: ErrorParts): void {
  for (const name of hiddenErrorProperties) {
    if (Object.hasOwn(hidden, name)) define(error, name, hidden[name], false)
  }
  for (const name of Object.keys(shown)) define(error, name, shown[name], true)
}

function define(target: object, name: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(target, name, { value, enumerable, writable: true, configurable: true })
}
