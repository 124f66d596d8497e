/** A place where code under test stops until the test lets it go on. */
export interface Gate<T> {
  /** Resolves when something stands at the gate for the first time. */
  readonly entered: Promise<void>
  /** How often something came to the gate. */
  readonly entries: number
  /** What the code under test awaits. */
  pass(): Promise<T>
  /** Lets all through, those who come later too. */
  open(value: T): void
  /** Makes all fail with `error`, those who come later too. */
  fail(error: unknown): void
}

/** A closed {@link Gate}. */
export function gate<T = void>(): Gate<T> {
  const through = deferred<T>()
  const entered = deferred<void>()
  // A gate that fails before anyone stands at it is not an accident.
  through.promise.catch(() => {})
  let entries = 0
  return {
    entered: entered.promise,
    get entries() {
      return entries
    },
    pass() {
      entries += 1
      entered.resolve()
      return through.promise
    },
    open: through.resolve,
    fail: through.reject,
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(reason: unknown): void
}

function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  let reject!: (reason: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
