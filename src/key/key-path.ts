import { cacheError } from '../kernel/errors'

/**
 * Makes a function that reads `path`, such as `'customer.id'` or `'items.0.sku'`, from a value: own or inherited
 * properties, undefined as soon as there is nothing to read from.
 */
export function compilePath(path: string): (value: unknown) => unknown {
  const names = typeof path === 'string' ? path.split('.') : ['']
  if (names.includes('')) {
    const given = typeof path === 'string' ? `'${path}'` : typeof path
    throw cacheError(
      'CW_OPTION_INVALID',
      `@CacheKey takes property names joined by dots, such as 'customer.id'; got ${given}.`,
    )
  }
  return (value) => {
    let current = value
    for (const name of names) {
      if (current === null || current === undefined) return undefined
      current = (current as Record<string, unknown>)[name]
    }
    return current
  }
}
