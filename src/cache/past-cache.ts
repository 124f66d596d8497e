import { AsyncScope } from '../kernel/async-scope'
import { currentFlight } from './current-flight'
import { currentTransaction } from './transaction'

/** Emptied when the work is over: what it left running reads as ever. */
interface Scope {
  isOver: boolean
}

const scope = new AsyncScope<Scope>()

/**
 * Runs work whose reads go past every cache: decorated methods are called, `getOrLoad` calls its loader, `get` finds nothing, and
 * what is loaded is kept nowhere. Puts and evicts act as ever, since others would be served old values otherwise. It holds
 * for every manager and for all that the work awaits; memoised results are no matter of it.
 *
 * @throws what the work throws
 *
 * @example
 * ```ts
 * expect(await products.findById('42')).toEqual(await withoutCaching(() => products.findById('42')))
 * ```
 */
export async function withoutCaching<Result>(work: () => Result | Promise<Result>): Promise<Result> {
  const its: Scope = { isOver: false }
  const { result, leave } = scope.enter(its, async () => work())
  try {
    return await result
  } finally {
    its.isOver = true
    leave()
  }
}

/** Whether the running code reads nothing from a cache and keeps nothing of what it loads. */
export function isWithoutCaching(): boolean {
  return scope.get()?.isOver === false
}

/** Whether the running code is part of other work (a load, a transaction), so that what it reads is not read with others. */
export function readsByItself(): boolean {
  return currentFlight() !== undefined || currentTransaction() !== undefined || isWithoutCaching()
}

/**
 * Whether a key is read past its cache: because everything is, or because a transaction is about to change it.
 *
 * @param cache any object that is one cache's
 */
export function isReadPast(cache: object, key: string): boolean {
  return isWithoutCaching() || (currentTransaction()?.hasTouched(cache, key) ?? false)
}
