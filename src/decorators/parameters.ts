import { cacheError } from '../kernel/errors'
import { compilePath } from '../key/key-path'
import { parameterMarks, setParameterMarks } from '../metadata/operation-source'

/** A decorator of a method's parameter (legacy dialect; the standard dialect has none and uses key functions). */
export type CacheParameterDecorator = (target: object, method: string | symbol | undefined, index: number) => void

/**
 * Makes the key of this parameter; several make it together, in their order. Parameters without it do not count.
 *
 * @param path picks a part of the argument, such as `'customer.id'` @default the whole argument
 * @throws (when the class is defined) CW_OPTION_INVALID, CW_OPTIONS_CONTRADICT, CW_DECORATOR_MISPLACED
 */
export function CacheKey(path?: string): CacheParameterDecorator {
  if (path !== undefined) compilePath(path)
  return (target, method, index) => {
    const { name, where } = placeOf('@CacheKey', target, method)
    const { keys, ignored } = parameterMarks(target, name)
    if (ignored.includes(index)) throw both(where, index)
    // Decorators of parameters run from the last to the first.
    setParameterMarks(target, name, { keys: [{ index, path }, ...keys], ignored })
  }
}

/**
 * Leaves this parameter out of the key.
 *
 * @throws (when the class is defined) CW_OPTIONS_CONTRADICT, CW_DECORATOR_MISPLACED
 */
export function CacheIgnore(): CacheParameterDecorator {
  return (target, method, index) => {
    const { name, where } = placeOf('@CacheIgnore', target, method)
    const { keys, ignored } = parameterMarks(target, name)
    if (keys.some((key) => key.index === index)) throw both(where, index)
    setParameterMarks(target, name, { keys, ignored: [index, ...ignored] })
  }
}

function placeOf(
  decorator: string,
  target: object,
  method: string | symbol | undefined,
): { name: string | symbol; where: string } {
  if (method === undefined || (typeof target !== 'object' && typeof target !== 'function')) {
    throw cacheError(
      'CW_DECORATOR_MISPLACED',
      `${decorator} belongs on a parameter of a cached method, not of a constructor.`,
    )
  }
  const owner = typeof target === 'function' ? target.name : target.constructor.name
  return { name: method, where: `${owner}.${String(method)}` }
}

function both(where: string, index: number): Error {
  return cacheError(
    'CW_OPTIONS_CONTRADICT',
    `${where}: parameter ${index + 1} has both @CacheKey and @CacheIgnore. Keep one of them.`,
  )
}
