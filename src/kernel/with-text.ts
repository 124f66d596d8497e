import { inspect } from 'node:util'

/**
 * Data that is shown as a text: by `toString()`, and by `console.log` where that is wanted. To whoever compares it, or
 * writes it as JSON, it is data alone. Frozen, though not what is in it.
 */
export function withText<Data extends object>(
  data: Data,
  text: () => string,
  { isLogged = false }: { readonly isLogged?: boolean } = {},
): Readonly<Data> {
  Object.defineProperty(data, 'toString', { value: text })
  if (isLogged) Object.defineProperty(data, inspect.custom, { value: text })
  return Object.freeze(data)
}
