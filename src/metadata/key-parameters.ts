import type { DecoratedMethod } from './decorated-method'
import type { Operation } from './operation'

/** What of an operation says how its key is made. */
export type KeySaying = Pick<Operation, 'kind' | 'key' | 'resultKey' | 'keys' | 'of' | 'tags' | 'allEntries'>

/** Whether the operation's key is made of the method's parameters. */
export function usesParameters(operation: KeySaying): boolean {
  const { key, resultKey, keys, of, allEntries } = operation
  if (key !== undefined || resultKey !== undefined || keys !== undefined || of !== undefined || allEntries) return false
  return operation.kind !== 'evict' || operation.tags === undefined
}

/** The parameters, by position, that go into the key whole. */
export function keyParameters({ marks, place }: DecoratedMethod): readonly number[] {
  if (marks.keys.length > 0) return marks.keys.filter(({ path }) => path === undefined).map(({ index }) => index)
  return (place.parameterTypes ?? []).map((_, index) => index).filter((index) => !marks.ignored.includes(index))
}
