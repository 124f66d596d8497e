import { setMaxListeners } from 'node:events'
import type { WarmProgress } from '../events/warm-progress'
import { cacheError } from '../kernel/errors'
import { show } from '../kernel/options'
import type { WarmFailure, WarmList, WarmOptions, WarmReport, WarmTarget } from './warm-options'

/** A list of calls of one method. */
export interface Calls {
  readonly target: WarmTarget
  readonly with: WarmList['with']
}

interface Call {
  readonly target: WarmTarget
  readonly args: readonly unknown[]
  /** Its place in the lists. */
  readonly place: number
}

/** What a {@link Warming} is told besides. */
export interface WarmingParts {
  readonly lists: readonly Calls[]
  readonly options: WarmOptions
  /** Aborted when the manager closes. */
  readonly closing: AbortSignal
  /** Told of each step; undefined while nobody listens. */
  readonly listener: () => ((progress: WarmProgress) => void) | undefined
}

// Of a million failures the first say what is wrong.
const mostFailures = 10

// What is fresh is answered in the same turn; so often the rest of the process has its own.
const callsOfTurn = 100

/** One warm, from its first call to its report. It holds no more of the lists than the calls that go on. */
export class Warming {
  readonly #parts: WarmingParts
  readonly #calls: AsyncGenerator<Call>
  readonly #stopping = new AbortController()
  readonly #failures: WarmFailure[] = []
  // Places of the calls that have begun and not ended, ascending.
  readonly #open = new Set<number>()
  readonly #total: number | undefined
  #taken = 0
  #done = 0
  #loaded = 0
  #failed = 0
  #rest: Promise<void> | undefined
  #isComplete = false
  #mistake: { readonly error: unknown } | undefined

  constructor(parts: WarmingParts) {
    this.#parts = parts
    this.#calls = this.#callsOf(parts.lists)
    this.#total = totalOf(parts.lists)
  }

  /** @throws what a list throws, or `onProgress` */
  async run(): Promise<WarmReport> {
    const { concurrency = 10, signal } = this.#parts.options
    // One listener for each call that goes on.
    setMaxListeners(0, this.#stopping.signal)
    const given = [signal, this.#parts.closing].filter((its) => its !== undefined)
    const stop = (): void => this.#stopping.abort()
    const stopped = new Promise((resolve) => this.#stopping.signal.addEventListener('abort', resolve))
    for (const its of given) {
      if (its.aborted) stop()
      its.addEventListener('abort', stop)
    }
    try {
      const ended = Promise.all(Array.from({ length: concurrency }, () => this.#work())).then(() => {
        this.#isComplete = !this.#stopping.signal.aborted
      })
      // Not for a method or a list that hangs.
      await Promise.race([ended, stopped])
    } finally {
      for (const its of given) its.removeEventListener('abort', stop)
      this.#calls.return(undefined).catch(() => {})
    }
    if (this.#mistake !== undefined) throw this.#mistake.error
    return Object.freeze({
      ...this.#progress(),
      isComplete: this.#isComplete,
      failures: Object.freeze([...this.#failures]),
    })
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping
    try {
      while (!signal.aborted) {
        const next = await this.#calls.next()
        if (next.done || signal.aborted) return
        await this.#warm(next.value)
        await this.#rest
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  async #warm({ target, args, place }: Call): Promise<void> {
    const { signal } = this.#stopping
    try {
      if (await target.call(args, signal)) this.#loaded++
    } catch (error) {
      // It was left.
      if (signal.aborted) return
      this.#failed++
      if (this.#failures.length < mostFailures) {
        this.#failures.push(Object.freeze({ method: target.where, args, error }))
      }
    }
    // Its report has been given.
    if (signal.aborted) return
    this.#done++
    this.#open.delete(place)
    if (this.#done % callsOfTurn === 0) {
      this.#rest = new Promise((resolve) => {
        setImmediate(() => {
          this.#rest = undefined
          resolve()
        })
      })
    }
    this.#tell()
  }

  #tell(): void {
    const { onProgress } = this.#parts.options
    const listener = this.#parts.listener()
    if (onProgress === undefined && listener === undefined) return
    const progress = Object.freeze(this.#progress())
    listener?.(progress)
    const answer: unknown = onProgress?.(progress)
    if (answer instanceof Promise) answer.catch((error: unknown) => this.#fail(error))
  }

  #progress(): WarmProgress {
    const [firstOpen] = this.#open
    return {
      done: this.#done,
      loaded: this.#loaded,
      failed: this.#failed,
      position: firstOpen ?? this.#taken,
      total: this.#total,
    }
  }

  /** The calls in the order of the lists; who asks for the next waits for his turn. */
  async *#callsOf(lists: readonly Calls[]): AsyncGenerator<Call> {
    for (const { target, with: list } of lists) {
      for await (const args of list) {
        if (!Array.isArray(args)) {
          throw cacheError(
            'CW_OPTION_INVALID',
            `warm of ${target.where}: each of the calls is an array of arguments, got ${show(args)}. Write \`ids.map((id) => [id])\`.`,
          )
        }
        const place = this.#taken++
        this.#open.add(place)
        yield { target, args, place }
      }
    }
  }

  #fail(error: unknown): void {
    this.#mistake ??= { error }
    this.#stopping.abort()
  }
}

function totalOf(lists: readonly Calls[]): number | undefined {
  let total = 0
  for (const { with: list } of lists) {
    if (!Array.isArray(list)) return undefined
    total += list.length
  }
  return total
}
