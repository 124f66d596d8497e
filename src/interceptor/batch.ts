import { AsyncResource } from 'node:async_hooks'
import type { Flight } from '../cache/flight'
import { loadTogether } from '../cache/flight-chain'
import { detached } from '../cache/refreshes'
import type { Inside } from '../cache/tier'

/** One element of a list, while its value is being loaded. */
export interface Enrolled<Element, Loaded> {
  readonly element: Element
  /** Aborted when nobody waits for it any more; undefined where somebody always does. */
  readonly signal: AbortSignal | undefined
  readonly inside: Inside | undefined
  /** The load it is for. */
  readonly flight: Flight | undefined
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
  enroll(its: Enrolled<Element, Loaded>): void {
    this.#pending.push(its)
    this.#scheduleIfComplete()
  }

  #scheduleIfComplete(): void {
    if (this.#isOpen || this.#undecided > 0 || this.#isScheduled || this.#pending.length === 0) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      const [pending, left] = split(this.#pending, ({ signal }) => !signal?.aborted)
      this.#pending = []
      for (const { reject, signal } of left) reject(signal!.reason)
      const [refreshes, reads] = split(pending, ({ flight }) => flight?.isRefresh ?? false)
      this.#runAll(reads, this.#context)
      // What is loaded in the background belongs to no caller.
      this.#runAll(refreshes, detached)
    })
  }

  #runAll(enrolled: readonly Enrolled<Element, Loaded>[], context: AsyncResource): void {
    for (let from = 0; from < enrolled.length; from += this.#maxSize) {
      void this.#run(enrolled.slice(from, from + this.#maxSize), context)
    }
  }

  async #run(enrolled: readonly Enrolled<Element, Loaded>[], context: AsyncResource): Promise<void> {
    const signal = allOf(enrolled.map((its) => its.signal))
    const elements = enrolled.map(({ element }) => element)
    try {
      const flights = new Set(enrolled.map(({ flight }) => flight).filter((flight) => flight !== undefined))
      const { inside = callNow } = enrolled[0]!
      const load = (): Promise<readonly Loaded[]> => this.#load(elements, signal)
      const loaded = await context.runInAsyncScope(() => loadTogether(flights, () => inside(signal, load)))
      for (const [index, { resolve }] of enrolled.entries()) resolve(loaded[index]!)
    } catch (error) {
      for (const { reject } of enrolled) reject(error)
    }
  }
}

const callNow: Inside = (_, call) => call()

function split<Item>(items: readonly Item[], isMeant: (item: Item) => boolean): [meant: Item[], others: Item[]] {
  return [items.filter(isMeant), items.filter((item) => !isMeant(item))]
}

/** Aborted when all of these are. */
function allOf(all: readonly (AbortSignal | undefined)[]): AbortSignal {
  const controller = new AbortController()
  const signals = new Set(all)
  let waiting = signals.size
  const leave = ({ target }: { readonly target: unknown }): void => {
    if (--waiting === 0) controller.abort((target as AbortSignal).reason)
  }
  if (signals.has(undefined)) return controller.signal
  for (const signal of signals as ReadonlySet<AbortSignal>) {
    if (signal.aborted) leave({ target: signal })
    else signal.addEventListener('abort', leave, { once: true })
  }
  return controller.signal
}
