import { AsyncScope } from '../kernel/async-scope'

/*
 * What is written in a transaction of a database is true for others only when that commits, and never if it is rolled
 * back. So puts and evicts made in its scope wait for the commit; what they are about to change is read past the cache in
 * the scope; and what is loaded there is kept nowhere, since the transaction sees its own rows and nobody else may be
 * given them.
 *
 * Nothing need be locked for others. What they read and keep until the commit was true until then; the evict at the commit
 * removes it, and revokes whatever load began before. A put was numbered when its method began: whatever was evicted, put
 * or committed by others since then makes it overlapped, so a put that waited cannot bring an old value back; its key is
 * left empty instead.
 */

/** Which entries of one cache a transaction is about to change. */
type Touched = Set<string> | 'all'

/** The scope of a transaction: what is to happen at its end, and what it is about to change. */
export class Transaction {
  readonly #outer: Transaction | undefined
  #isOver = false
  readonly #touched = new Map<object, Touched>()
  #touchesEverything = false
  #effects: (() => Promise<unknown>)[] = []
  #releases: (() => void)[] = []

  constructor(outer: Transaction | undefined) {
    this.#outer = outer
  }

  /** This one, or the one around it that has not ended yet: what is left running after the end belongs to none. */
  get underWay(): Transaction | undefined {
    return this.#isOver ? this.#outer?.underWay : this
  }

  /** Lets something happen when the transaction commits. */
  defer(effect: () => Promise<unknown>): void {
    this.#effects.push(effect)
  }

  /** Lets something be let go of at the end, whichever that is. */
  atEnd(release: () => void): void {
    this.#releases.push(release)
  }

  /**
   * Notes what will have changed.
   *
   * @param cache any object that is one cache's
   */
  touch(cache: object, keys: readonly string[] | 'all'): void {
    const before = this.#touched.get(cache)
    if (before === 'all') return
    this.#touched.set(cache, keys === 'all' ? 'all' : new Set([...(before ?? []), ...keys]))
  }

  /** The same for every cache. */
  touchEverything(): void {
    this.#touchesEverything = true
  }

  hasTouched(cache: object, key: string): boolean {
    if (this.#touchesEverything) return true
    const its = this.#touched.get(cache)
    if (its !== undefined && (its === 'all' || its.has(key))) return true
    return this.#outer?.hasTouched(cache, key) ?? false
  }

  /**
   * The work has succeeded: what was put off happens now, or with the transaction around this one.
   *
   * @throws what the user's handler of errors throws, once everything has been tried
   */
  async commit(): Promise<void> {
    this.#isOver = true
    const outer = this.#outer?.underWay
    if (outer !== undefined) {
      for (const [cache, its] of this.#touched) outer.touch(cache, its === 'all' ? 'all' : [...its])
      if (this.#touchesEverything) outer.touchEverything()
      outer.#effects.push(...this.#effects)
      outer.#releases.push(...this.#releases)
      return
    }
    const failures: unknown[] = []
    // In their order: a put may take the place of what was evicted before it, and not the other way round. And each of
    // them, whatever becomes of the others: the database has committed.
    for (const effect of this.#effects) await effect().catch((error: unknown) => failures.push(error))
    this.#release()
    if (failures.length > 0) throw failures[0]
  }

  /** The work has failed: nothing of it happened. */
  rollBack(): void {
    this.#isOver = true
    this.#release()
  }

  #release(): void {
    for (const release of this.#releases) release()
    this.#effects = []
    this.#releases = []
  }
}

const scope = new AsyncScope<Transaction>()

/** The transaction that the running code is part of. */
export function currentTransaction(): Transaction | undefined {
  return scope.get()?.underWay
}

/** Runs work in a transaction: within one that is there already, as a part of it. */
export async function inTransaction<Result>(work: () => Promise<Result>): Promise<Result> {
  const transaction = new Transaction(currentTransaction())
  const { result, leave } = scope.enter(transaction, async () => work())
  try {
    const its = await result
    await scope.within(undefined, () => transaction.commit())
    return its
  } catch (error) {
    transaction.rollBack()
    throw error
  } finally {
    leave()
  }
}
