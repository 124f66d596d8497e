import { cacheError } from '../kernel/errors'
import type { DecoratedMethod } from '../metadata/decorated-method'
import { type KeySaying, keyParameters, usesParameters } from '../metadata/key-parameters'

/** Classes whose instances have no content a key could be made of. */
const unusable: readonly unknown[] = [Function, Symbol, Promise, WeakMap, WeakSet, WeakRef]

/**
 * Holds what one decorator says of keys against what the compiler wrote down about the method's parameters, so that a key that can never
 * be made is found when the class is defined and not by the first call.
 *
 * @throws CW_KEY_UNSUPPORTED, CW_OPTIONS_CONTRADICT
 */
export function checkParameters(method: DecoratedMethod, operation: KeySaying & { readonly decorator: string }): void {
  const { marks, where } = method
  const option = (['key', 'resultKey', 'of'] as const).find((name) => operation[name] !== undefined)
  if (option !== undefined && marks.keys.length > 0) {
    throw cacheError(
      'CW_OPTIONS_CONTRADICT',
      `${operation.decorator} of ${where}: option \`${option}\` and @CacheKey contradict each other: both say what the key is. Give one of them.`,
    )
  }
  if (!usesParameters(operation)) return
  for (const index of keyParameters(method)) {
    const type = method.place.parameterTypes?.[index]
    if (!unusable.includes(type)) continue
    throw cacheError(
      'CW_KEY_UNSUPPORTED',
      `${operation.decorator} of ${where}: parameter ${index + 1} is a ${(type as Function).name}, which cannot be part of a cache key. Leave it out with @CacheIgnore(), or pick what identifies the call with @CacheKey() or \`key\`.`,
    )
  }
}
