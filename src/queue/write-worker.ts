import { detached } from '../cache/refreshes'
import type { EventHub } from '../events/event-hub'
import { type CompleteClock, random } from '../kernel/clock'
import { describeThrown } from '../kernel/describe'
import { cacheError } from '../kernel/errors'
import type { Warnings } from '../kernel/warn'
import type { BehindOperation } from '../metadata/operation'
import type { TakenWrite, WriteQueue } from '../stores/write-queue'
import { BoundedCall } from './bounded-call'
import { holdMs, QueueHold } from './queue-hold'

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
 * When a call fails, nobody knows which of its writes is to blame. So they are made one by one, and if all fail, one that
 * waits behind them. If some succeed, those that failed are to blame: each failure is counted, and after `maxTries` the write
 * is buried, so that it does not keep others waiting for ever. If none succeeds it is the database that fails, and nothing is
 * counted; nor where one fails that is alone and was not to blame before, until another comes to be compared with. The queue is then let go of (another
 * process may fare better), and tried again after a pause that grows.
 *
 * What this process cannot read it leaves where it is, and goes on behind it.
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

const firstPauseMs = 100
const longestPauseMs = 30_000
// However short `maxDelay` is, a queue on a server is not asked without end.
const shortestLookMs = 10

/** Whether the writes are out of the way, made or buried; or some were made; or none. */
type Outcome = 'all' | 'some' | 'none'

interface Readable {
  readonly write: TakenWrite
  readonly value: unknown
}

interface Failed extends Readable {
  readonly error: unknown
}

/** Makes the writes of one queue, in this process, by one object's method. */
export class WriteWorker {
  readonly #parts: WriteWorkerParts
  readonly #call: BoundedCall
  readonly #hold: QueueHold
  #cancel = (): void => {}
  // Since writes were last taken.
  #accepted = 0
  #pass: Promise<void> | undefined
  #failures = 0
  // How long to rest; 0 where nothing calls for that.
  #pauseMs = 0
  #isStopped = false
  // By key, the sequence of the write that failed while others were made.
  readonly #suspects = new Map<string, string>()
  // One write failed, and nothing else waited: nobody knows whose fault that was.
  #isAlone = false
  // The last of the writes that this process cannot read.
  #unreadable: TakenWrite | undefined

  constructor(parts: WriteWorkerParts) {
    this.#parts = parts
    const { cache, queue, clock } = parts
    this.#call = new BoundedCall(clock)
    this.#hold = new QueueHold({ cache, queue, clock, onLost: (reason) => this.#call.abort(reason) })
    // Whoever calls the method first lends it no context.
    detached.runInAsyncScope(() => this.#schedule(parts.terms.maxDelayMs))
  }

  /** So many writes were accepted in this process. */
  notice(count: number): void {
    this.#accepted += count
    // Now there is something to compare the one that failed with.
    if (this.#isAlone) {
      this.#isAlone = false
      this.#schedule(this.#parts.terms.maxDelayMs)
    }
    if (this.#accepted >= this.#parts.terms.batch) void this.work()
  }

  /** Makes what waits, unless a failure calls for a pause; never rejects. */
  work(): Promise<void> {
    if (this.#isStopped || this.#pauseMs > 0) return this.#pass ?? Promise.resolve()
    this.#pass ??= detached.runInAsyncScope(() => this.#drain().finally(() => this.#passed()))
    return this.#pass
  }

  /** The same without a pause. */
  workNow(): Promise<void> {
    this.#failures = 0
    this.#pauseMs = 0
    return this.work()
  }

  /** Takes no more; resolves when what it is at has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancel()
    await this.#pass
    await this.#hold.leave().catch(() => {})
  }

  /** Takes no more, and waits for nothing; a call of the method that is under way is told so. */
  abandon(): void {
    this.#isStopped = true
    this.#cancel()
    this.#call.giveUp(closed(this.#parts.cache))
  }

  #passed(): void {
    const { maxDelayMs, batch } = this.#parts.terms
    this.#pass = undefined
    this.#schedule(this.#pauseMs > 0 ? this.#pauseMs : this.#accepted >= batch ? 0 : maxDelayMs)
  }

  #schedule(delayMs: number): void {
    this.#cancel()
    if (this.#isStopped) return
    const look = (): void => {
      // It is over, whatever a clock says that is read with another precision than timers have.
      this.#pauseMs = 0
      void this.work()
    }
    this.#cancel = this.#parts.clock.setTimer(look, Math.max(delayMs, shortestLookMs))
  }

  async #drain(): Promise<void> {
    const { clock, terms, events, cache } = this.#parts
    const startedAt = clock.now()
    const letGo = this.#hold.keep()
    this.#unreadable = undefined
    try {
      while (!this.#isStopped) {
        const taken = await this.#take(this.#unreadable)
        // Held by another worker, or let go of with the last write.
        if (taken === undefined || (taken.length === 0 && this.#unreadable === undefined)) {
          // Others may have made what failed here; and what is not there any more must not be remembered.
          this.#suspects.clear()
          return
        }
        // Who can read what this process cannot must have a chance.
        const isOver = taken.length === 0 || (this.#unreadable !== undefined && clock.now() - startedAt >= holdMs)
        if (isOver || !(await this.#makeAll(taken))) break
      }
      if (this.#unreadable !== undefined && this.#pauseMs === 0) {
        this.#pauseMs = Math.min(terms.maxDelayMs, longestPauseMs)
      }
      await this.#hold.leave()
    } catch (error) {
      this.#rest()
      events.emit('sharedFailure', { cache, operation: 'queue', error })
    } finally {
      letGo()
    }
  }

  #take(behind?: TakenWrite): Promise<readonly TakenWrite[] | undefined> {
    this.#accepted = 0
    return this.#hold.take(this.#parts.terms.batch, behind)
  }

  /** Whether the queue can be drained on. */
  async #makeAll(taken: readonly TakenWrite[]): Promise<boolean> {
    const readable = this.#readable(taken)
    if (readable.length === 0) return true
    const failure = await this.#make(readable)
    if (failure === undefined) {
      this.#failures = 0
      return true
    }
    const outcome = await this.#oneByOne(readable, failure.error)
    // The database is there: the next writes need not wait long.
    if (outcome !== 'none') this.#failures = 0
    if (outcome === 'all') return true
    this.#rest(failure, readable.length)
    return false
  }

  /** Those that this process can read; another version of the program may be able to read the others. */
  #readable(taken: readonly TakenWrite[]): readonly Readable[] {
    const { decode, cache, warnings } = this.#parts
    return taken.flatMap((write) => {
      try {
        return [{ write, value: decode(write.bytes) }]
      } catch (error) {
        this.#unreadable = write
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
    const { clock, queue, events, cache, make, terms } = this.#parts
    const startedAt = clock.now()
    const values = writes.map(({ value }) => value)
    try {
      await this.#hold.confirm()
      await this.#call.run(
        (signal) => make(values, signal),
        terms.writeTimeoutMs,
        () => this.#late(values.length),
      )
    } catch (error) {
      return { error }
    }
    await queue.settle(writes.map(({ write }) => write))
    for (const { write } of writes) this.#suspects.delete(write.key)
    if (events.wants('written')) {
      events.emit('written', { cache, count: writes.length, durationMs: clock.now() - startedAt })
    }
    return undefined
  }

  #late(count: number): Error {
    const { cache, terms } = this.#parts
    return cacheError(
      'CW_LOAD_TIMEOUT',
      `@WriteBehind for cache '${cache}': the method did not write ${count} values within ${terms.writeTimeoutMs} ms (\`writeTimeout\`). They will be written again.`,
    )
  }

  /** Makes writes of which one call failed; those that fail while others are made are counted, or buried. */
  async #oneByOne(writes: readonly Readable[], error: unknown): Promise<Outcome> {
    const { clock, terms } = this.#parts
    const until = clock.now() + terms.writeTimeoutMs
    let failed: Failed[] = []
    let made = 0
    if (writes.length === 1) failed = [{ ...writes[0]!, error }]
    else {
      // From another one each time: the first might be the one that hangs.
      const first = this.#failures % writes.length
      for (const its of [...writes.slice(first), ...writes.slice(0, first)]) {
        if (this.#isStopped || this.#hold.isLost || (made === 0 && clock.now() >= until)) break
        const failure = await this.#make([its])
        if (failure === undefined) made++
        else failed.push({ ...its, error: failure.error })
      }
    }
    if (this.#isStopped || this.#hold.isLost) return made > 0 ? 'some' : 'none'
    if (made === 0 && !(await this.#isTheirFault(writes))) return 'none'
    const buried = await this.#blame(failed)
    return made + buried === writes.length ? 'all' : 'some'
  }

  /** Whether one that waits behind writes that all failed can be made. */
  async #isTheirFault(writes: readonly Readable[]): Promise<boolean> {
    const behind = await this.#take(writes.at(-1)!.write)
    if (behind === undefined) return false
    const others = this.#readable(behind)
    // Another one each time: it might be as bad as those.
    const other = others[Math.floor(random() * others.length)]
    if (other === undefined) {
      const [its, ...more] = writes
      if (more.length === 0 && this.#suspects.get(its!.write.key) === its!.write.sequence) return true
      this.#isAlone = more.length === 0
      return false
    }
    return (await this.#make([other])) === undefined
  }

  /** Counts failures; resolves to how many of the writes were given up for that. */
  async #blame(failed: readonly Failed[]): Promise<number> {
    const { queue, terms } = this.#parts
    if (failed.length === 0) return 0
    const tries = await queue.blame(failed.map(({ write }) => write))
    for (const { write } of failed) this.#suspects.set(write.key, write.sequence)
    const hopeless = failed.filter((_, index) => tries[index]! >= terms.maxTries)
    for (const { write, error } of hopeless) await this.#bury(write, error)
    return hopeless.length
  }

  async #bury(write: TakenWrite, error: unknown): Promise<void> {
    const { queue, events, cache, warnings, onBuried } = this.#parts
    await queue.bury(write, describeThrown(error))
    this.#suspects.delete(write.key)
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
  #rest(failure?: { readonly error: unknown }, count = 0): void {
    const { events, cache } = this.#parts
    const fullMs = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(this.#failures++, 20))
    const pauseMs = fullMs * (0.5 + random() / 2)
    this.#pauseMs = pauseMs
    if (failure !== undefined && events.wants('writeFailed')) {
      events.emit('writeFailed', { cache, count, error: failure.error, pauseMs })
    }
  }
}

function closed(cache: string): Error {
  return cacheError('CW_WRITE_REFUSED', `The manager was closed while values of cache '${cache}' were written.`)
}
