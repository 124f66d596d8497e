import { AsyncScope } from '../kernel/async-scope'
import { isThenable } from '../kernel/thenable'

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
 *
 * A commit that fails may have happened all the same: its answer was lost on the way. Then what was about to change is
 * evicted, which is right whatever the database did, and nothing is put.
 */

/** Which entries of one cache a transaction is about to change. */
type Touched = Set<string> | 'all'

/** A transaction under way, as a hook into a database knows it: to make savepoints in it, and to say what became of it. */
export interface CachingTransaction {
  /** What was put and evicted in it so far was undone by the database, and it goes on. */
  forget(): void
}

/**
 * Runs the work of a transaction, in its scope, and answers with what the work answers. When the database calls the work
 * again, all that it did before is forgotten. Once it has succeeded, a transaction that fails has failed at its commit.
 */
export type TransactionAttempt = <Answer>(work: (transaction: CachingTransaction) => Answer) => Answer

interface Effect {
  readonly atCommit: () => Promise<unknown>
  /** When nobody knows whether there was one. */
  readonly inDoubt: () => Promise<unknown>
}

/** The scope of a transaction: what is to happen at its end, and what it is about to change. */
export class Transaction implements CachingTransaction {
  readonly #outer: Transaction | undefined
  #isOver = false
  readonly #touched = new Map<object, Touched>()
  #touchesEverything = false
  #effects: Effect[] = []
  #releases: (() => void)[] = []

  constructor(outer: Transaction | undefined) {
    this.#outer = outer
  }

  /** This one, or the one around it that has not ended yet: what is left running after the end belongs to none. */
  get underWay(): Transaction | undefined {
    return this.#isOver ? this.#outer?.underWay : this
  }

  /**
   * Lets something happen when the transaction commits.
   *
   * @param inDoubt what happens instead when nobody knows whether it has
   */
  defer(atCommit: () => Promise<unknown>, inDoubt: () => Promise<unknown> = atCommit): void {
    this.#effects.push({ atCommit, inDoubt })
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
    const its = this.#touched.get(cache)
    if (its === 'all') return
    if (keys === 'all' || its === undefined) this.#touched.set(cache, keys === 'all' ? 'all' : new Set(keys))
    else for (const key of keys) its.add(key)
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
    for (const { atCommit } of this.#effects) await atCommit().catch((error: unknown) => failures.push(error))
    this.#release()
    if (failures.length > 0) throw failures[0]
  }

  /** The work has succeeded and its commit has failed, or seems to. */
  async doubt(): Promise<void> {
    this.#effects = this.#effects.map(({ inDoubt }) => ({ atCommit: inDoubt, inDoubt }))
    await this.commit()
  }

  /** The work has failed: nothing of it happened. */
  rollBack(): void {
    this.#isOver = true
    this.#release()
  }

  forget(): void {
    this.#touched.clear()
    this.#touchesEverything = false
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
  return enter(new Transaction(currentTransaction()), work)
}

/**
 * Runs a transaction of a database, which begins and commits by itself.
 *
 * @param within the one it is a savepoint of, which may have ended by now; without it, it is one of its own
 */
export async function aroundTransaction<Result>(
  run: (attempt: TransactionAttempt) => Promise<Result>,
  within: Transaction | undefined,
): Promise<Result> {
  const transaction = new Transaction(within?.underWay)
  let isDone = false
  const done = <Answer>(answer: Answer): Answer => {
    isDone = true
    return answer
  }
  const attempt: TransactionAttempt = (work) => {
    transaction.forget()
    isDone = false
    // The database may call from anywhere: from the callback of a connection, say.
    const answer = scope.within(transaction, () => work(transaction))
    return (isThenable(answer) ? Promise.resolve(answer).then(done) : done(answer)) as typeof answer
  }
  return enter(
    transaction,
    () => run(attempt),
    () => isDone,
  )
}

async function enter<Result>(
  transaction: Transaction,
  work: () => Promise<Result>,
  isInDoubt = (): boolean => false,
): Promise<Result> {
  const { result: ending, leave } = scope.enter(transaction, () => endWith(transaction, work, isInDoubt))
  try {
    const result = await ending
    await scope.within(undefined, () => transaction.commit())
    return result
  } finally {
    leave()
  }
}

async function endWith<Result>(
  transaction: Transaction,
  work: () => Promise<Result>,
  isInDoubt: () => boolean,
): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    // The error of the commit says more than that of an evict, which goes to the journal.
    if (isInDoubt()) await scope.within(undefined, () => transaction.doubt()).catch(() => {})
    else transaction.rollBack()
    throw error
  }
}
