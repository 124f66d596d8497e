import { AsyncLocalStorage } from 'node:async_hooks'

/**
 * What code runs in, as far as its promises reach. While an `AsyncLocalStorage` is in use, Node before 24 makes every
 * promise of the process about twice as dear. So this one is switched off as soon as nobody is inside, which costs less
 * than a microsecond: who reads what is cached does not pay for those who load.
 */
export class AsyncScope<Store> {
  readonly #storage = new AsyncLocalStorage<Store | undefined>()
  #inside = 0

  /** What the running code is in; nothing as soon as everybody has left, for what was left running too. */
  get(): Store | undefined {
    return this.#inside === 0 ? undefined : this.#storage.getStore()
  }

  /** Runs work inside; what comes back beside its result is to be called when the work has ended. */
  enter<Result>(store: Store, work: () => Result): { readonly result: Result; readonly leave: () => void } {
    this.#inside++
    let isInside = true
    const leave = (): void => {
      if (!isInside) return
      isInside = false
      this.#inside--
      if (this.#inside === 0) this.#storage.disable()
    }
    try {
      return { result: this.#storage.run(store, work), leave }
    } catch (error) {
      leave()
      throw error
    }
  }

  /** Runs work in something else, or in nothing, within what somebody has entered. */
  within<Result>(store: Store | undefined, work: () => Result): Result {
    return this.#storage.run(store, work)
  }
}
