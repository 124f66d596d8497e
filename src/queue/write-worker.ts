import { detached } from '../cache/refreshes'
import type { EventHub } from '../events/event-hub'
import { type CompleteClock, random } from '../kernel/clock'
import { describeThrown } from '../kernel/describe'
import { cacheError } from '../kernel/errors'
import { uniqueText } from '../kernel/unique'
import type { Warnings } from '../kernel/warn'
import type { BehindOperation } from '../metadata/operation'
import type { TakenWrite, WriteQueue } from '../stores/write-queue'

/*
 * How writes leave the queue
 * ==========================
 *
 * A worker looks every `maxDelay`, and at once when a batch has come together here. It takes the oldest writes, calls the
 * method with their values, and settles them when that has succeeded. Between any two of these steps the process may end:
 * what was taken and not settled is taken again, so a write is made at least once. While a worker lives it holds the queue
 * against others, so the writes of a key are made in their order. A worker that was cut off or suspended may come to life
 * again while the next one holds the queue; its signal is aborted as soon as it learns of that.
 *
 * When a call fails, nobody knows which of its writes is to blame. So they are made one by one. If some of them succeed,
 * those that failed are to blame: each failure is counted, and after `maxTries` the write is buried, so that it does not
 * keep others waiting for ever. If none succeeds it is the database that fails, and nothing is counted. The queue is then
 * let go of (another process may fare better), and tried again after a pause that grows.
 */

/** What a {@link WriteWorker} works with. */
export interface WriteWorkerParts {
  readonly cache: string
  readonly queue: WriteQueue
  readonly clock: CompleteClock
  readonly terms: BehindOperation
  readonly events: EventHub
  readonly warnings: Warnings
  /** The value of a write. @throws if this process cannot read it */
  readonly decode: (bytes: Buffer) => unknown
  /** Calls the method. */
  readonly make: (values: readonly unknown[], signal: AbortSignal) => Promise<unknown>
  /** Told of a write that was given up. */
  readonly onBuried: (key: string) => Promise<void>
}

// A worker that has died is replaced after so long.
const holdMs = 5_000
const firstPauseMs = 100
const longestPauseMs = 30_000

/** How many of some writes are out of the way, whether made or buried. */
type Outcome = 'all' | 'some' | 'none'

interface Readable {
  readonly write: TakenWrite
  readonly value: unknown
}

/** Makes the writes of one queue, in this process, by one object's method. */
export class WriteWorker {
  readonly #parts: WriteWorkerParts
  readonly #name = uniqueText()
  #cancel = (): void => {}
  #accepted = 0
  #pass: Promise<void> | undefined
  #failures = 0
  #resumesAt = Number.NEGATIVE_INFINITY
  #isStopped = false
  // Another worker holds the queue: it was not held on to in time.
  #isLost = false

  constructor(parts: WriteWorkerParts) {
    this.#parts = parts
    this.#schedule(parts.terms.maxDelayMs)
  }

  /** So many writes were accepted in this process. */
  notice(count: number): void {
    this.#accepted += count
    if (this.#accepted >= this.#parts.terms.batch) void this.work()
  }

  /** Makes what waits, unless a failure calls for a pause; never rejects. */
  work(): Promise<void> {
    const { clock, terms } = this.#parts
    if (this.#isStopped || clock.now() < this.#resumesAt) return this.#pass ?? Promise.resolve()
    this.#pass ??= this.#drain().finally(() => {
      this.#pass = undefined
      this.#schedule(Math.max(terms.maxDelayMs, this.#resumesAt - clock.now()))
    })
    return this.#pass
  }

  /** Takes no more; resolves when what it is at has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel()
    await this.#pass
    await this.#parts.queue.leave(this.#name).catch(() => {})
  }

  #schedule(delayMs: number): void {
    this.#cancel()
    if (!this.#isStopped) this.#cancel = this.#parts.clock.setTimer(() => void this.work(), delayMs)
  }

  async #drain(): Promise<void> {
    const { queue, terms, events, cache } = this.#parts
    this.#accepted = 0
    try {
      while (!this.#isStopped) {
        const taken = await queue.take(this.#name, terms.batch, holdMs)
        if (taken === undefined || taken.length === 0) return
        this.#isLost = false
        if (!(await this.#makeAll(taken))) {
          await queue.leave(this.#name)
          return
        }
      }
    } catch (error) {
      this.#rest()
      events.emit('sharedFailure', { cache, operation: 'queue', error })
    }
  }

  /** Whether the queue can be drained on. */
  async #makeAll(taken: readonly TakenWrite[]): Promise<boolean> {
    const readable = this.#readable(taken)
    const isWhole = readable.length === taken.length
    if (!isWhole) this.#rest()
    if (readable.length === 0) return false
    const failure = await this.#make(readable)
    if (failure === undefined) {
      if (isWhole) this.#failures = 0
      return isWhole
    }
    const outcome =
      readable.length === 1 ? await this.#oneFailed(readable[0]!, failure.error) : await this.#oneByOne(readable)
    // The database is there: the next writes need not wait long.
    if (outcome !== 'none') this.#failures = 0
    if (outcome === 'all' && isWhole) return true
    this.#rest(failure.error, readable.length)
    return false
  }

  /** Those that this process can read; another version of the program may be able to read the others. */
  #readable(taken: readonly TakenWrite[]): readonly Readable[] {
    const { decode, cache, warnings } = this.#parts
    return taken.flatMap((write) => {
      try {
        return [{ write, value: decode(write.bytes) }]
      } catch (error) {
        warnings.once(
          'CW_ENTRY_UNREADABLE',
          `queue ${cache} ${describeThrown(error)}`,
          `The queue of cache '${cache}' holds writes that this process cannot make: ${describeThrown(error)} They wait for a process that can.`,
        )
        return []
      }
    })
  }

  /** Makes writes in one call and settles them; the failure of the call, if it failed. */
  async #make(writes: readonly Readable[]): Promise<{ readonly error: unknown } | undefined> {
    const { clock, queue, events, cache } = this.#parts
    const startedAt = clock.now()
    try {
      await this.#call(writes.map(({ value }) => value))
    } catch (error) {
      return { error }
    }
    await queue.settle(writes.map(({ write }) => write))
    if (events.wants('written')) {
      events.emit('written', { cache, count: writes.length, durationMs: clock.now() - startedAt })
    }
    return undefined
  }

  /** Calls the method while the queue is held, for as long as it may take. */
  async #call(values: readonly unknown[]): Promise<void> {
    const { clock, queue, terms, make, cache } = this.#parts
    const controller = new AbortController()
    let cancelHold = (): void => {}
    const goOnHolding = (): void => {
      cancelHold = clock.setTimer(() => {
        queue.hold(this.#name, holdMs).then(
          (isHeld) => {
            if (isHeld) return
            this.#isLost = true
            controller.abort(lost(cache))
          },
          () => {},
        )
        goOnHolding()
      }, holdMs / 3)
    }
    goOnHolding()
    let cancelTimeout = (): void => {}
    const late = new Promise<never>((_, reject) => {
      cancelTimeout = clock.setTimer(() => {
        const error = cacheError(
          'CW_LOAD_TIMEOUT',
          `@WriteBehind for cache '${cache}': the method did not write ${values.length} values within ${terms.writeTimeoutMs} ms (\`writeTimeout\`). They will be written again.`,
        )
        controller.abort(error)
        reject(error)
      }, terms.writeTimeoutMs)
    })
    try {
      await Promise.race([detached.runInAsyncScope(() => make(values, controller.signal)), late])
    } finally {
      cancelHold()
      cancelTimeout()
    }
  }

  /** One that is alone has nobody to be compared with. */
  async #oneFailed({ write }: Readable, error: unknown): Promise<Outcome> {
    if (this.#isLost) return 'none'
    const [tries] = await this.#parts.queue.blame([write])
    if (tries! < this.#parts.terms.maxTries) return 'none'
    await this.#bury(write, error)
    return 'all'
  }

  async #oneByOne(writes: readonly Readable[]): Promise<Outcome> {
    const { clock, queue, terms } = this.#parts
    const until = clock.now() + terms.writeTimeoutMs
    const failed: { readonly write: TakenWrite; readonly error: unknown }[] = []
    let made = 0
    // From another one each time: the first might be the one that hangs.
    const first = this.#failures % writes.length
    for (const its of [...writes.slice(first), ...writes.slice(0, first)]) {
      if (this.#isStopped || this.#isLost || (made === 0 && clock.now() >= until)) break
      const failure = await this.#make([its])
      if (failure === undefined) made++
      else failed.push({ write: its.write, error: failure.error })
    }
    if (made === 0) return 'none'
    const tries = await queue.blame(failed.map(({ write }) => write))
    const hopeless = failed.filter((_, index) => tries[index]! >= terms.maxTries)
    for (const { write, error } of hopeless) await this.#bury(write, error)
    return made + hopeless.length === writes.length ? 'all' : 'some'
  }

  async #bury(write: TakenWrite, error: unknown): Promise<void> {
    const { queue, events, cache, warnings, onBuried } = this.#parts
    await queue.bury(write, describeThrown(error))
    events.emit('buried', { cache, key: write.key, error })
    warnings.once(
      'CW_WRITE_BURIED',
      cache,
      `A write of cache '${cache}' failed again and again and was put aside: ${describeThrown(error)} See writes('${cache}').buried() of the manager.`,
    )
    // What was cached is not what the database has.
    await onBuried(write.key)
  }

  /** Lets some time pass before the next try. */
  #rest(error?: unknown, count = 0): void {
    const { clock, events, cache } = this.#parts
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(this.#failures++, 20)) * (0.5 + random() / 2)
    this.#resumesAt = clock.now() + pauseMs
    if (error !== undefined && events.wants('writeFailed')) {
      events.emit('writeFailed', { cache, count, error, pauseMs })
    }
  }
}

function lost(cache: string): Error {
  return cacheError('CW_WRITE_REFUSED', `Another process makes the writes of cache '${cache}' by now.`)
}
