import { AsyncResource } from 'node:async_hooks'

/** One element of a list, while its value is being loaded. */
interface Enrolled<Element, Loaded> {
  readonly element: Element
  readonly signal: AbortSignal
  readonly resolve: (loaded: Loaded) => void
  readonly reject: (error: unknown) => void
}

/** Loads several elements in one call; answers in their order. The signal is aborted when nobody waits for any of them. */
export type LoadElements<Element, Loaded> = (
  elements: readonly Element[],
  signal: AbortSignal,
) => Promise<readonly Loaded[]>

/**
 * Gathers the loads of many elements into one call.
 *
 * Each element is read by itself, as a single one would be: it may be found, join a load that is under way here, wait for
 * another process's, or have to be loaded. The call is made as soon as that is known of every element that is expected. What
 * turns out later to have to be loaded (another process failed, a value is due for its refresh) is gathered by turns of
 * the event loop.
 */
export class Batch<Element, Loaded> {
  readonly #load: LoadElements<Element, Loaded>
  readonly #maxSize: number
  // The call belongs to whoever asked first, and not to the load of any one element.
  readonly #context = new AsyncResource('cachewright.batch')
  #pending: Enrolled<Element, Loaded>[] = []
  #undecided = 0
  #isOpen = true
  #isScheduled = false

  constructor(load: LoadElements<Element, Loaded>, maxSize: number) {
    this.#load = load
    this.#maxSize = maxSize
  }

  /** An element is being read; what this returns is to be called once it is known whether it has to be loaded now. */
  expect(): () => void {
    this.#undecided++
    let isDecided = false
    return () => {
      if (isDecided) return
      isDecided = true
      this.#undecided--
      this.#scheduleIfComplete()
    }
  }

  /** No more elements are expected. */
  close(): void {
    this.#isOpen = false
    this.#scheduleIfComplete()
  }

  /** Loads an element together with the others. */
  enroll(element: Element, signal: AbortSignal): Promise<Loaded> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ element, signal, resolve, reject })
      this.#scheduleIfComplete()
    })
  }

  #scheduleIfComplete(): void {
    if (this.#isOpen || this.#undecided > 0 || this.#isScheduled || this.#pending.length === 0) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      const pending = this.#pending
      this.#pending = []
      for (let from = 0; from < pending.length; from += this.#maxSize) {
        void this.#run(pending.slice(from, from + this.#maxSize))
      }
    })
  }

  async #run(enrolled: readonly Enrolled<Element, Loaded>[]): Promise<void> {
    const signal = allOf(enrolled.map((its) => its.signal))
    const elements = enrolled.map(({ element }) => element)
    try {
      const loaded = await this.#context.runInAsyncScope(this.#load, undefined, elements, signal)
      for (const [index, { resolve }] of enrolled.entries()) resolve(loaded[index]!)
    } catch (error) {
      for (const { reject } of enrolled) reject(error)
    }
  }
}

/** Aborted when all of these are. */
function allOf(signals: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController()
  let waiting = new Set(signals).size
  const leave = ({ target }: { readonly target: unknown }): void => {
    if (--waiting === 0) controller.abort((target as AbortSignal).reason)
  }
  for (const signal of new Set(signals)) {
    if (signal.aborted) leave({ target: signal })
    else signal.addEventListener('abort', leave, { once: true })
  }
  return controller.signal
}
