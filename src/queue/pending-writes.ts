import type { EventHub } from '../events/event-hub'
import { type CompleteClock, keepProcess } from '../kernel/clock'
import { cacheError } from '../kernel/errors'
import { type Lookup, miss } from '../kernel/lookup'
import type { Warnings } from '../kernel/warn'
import type { BehindOperation } from '../metadata/operation'
import type { QueueCounts, QueuedWrite, WriteQueue } from '../stores/write-queue'
import { GatheredFinds } from './gathered-finds'
import type { WriteFrames } from './write-frame'
import { WriteWorker } from './write-worker'

/** A write that was given up, as {@link PendingWrites.buried} shows it. */
export interface FailedWrite {
  /** The key, in the text that events show. */
  readonly key: string
  /** The value; undefined where this process cannot read it. */
  readonly value: unknown
  /** What the method said last. */
  readonly reason: string
}

/** What {@link PendingWrites} work with. */
export interface PendingWritesParts {
  readonly cache: string
  readonly queue: WriteQueue
  readonly frames: WriteFrames
  readonly clock: CompleteClock
  readonly events: EventHub
  readonly warnings: Warnings
  /** Removes what is cached for a key. */
  readonly evict: (key: string) => Promise<void>
}

/** A value to be queued; the version is a text that sorts. */
interface PreparedValue {
  readonly key: string
  readonly value: unknown
  readonly version: string | undefined
}

/** A wait that may be ended sooner. */
interface Pause {
  readonly over: Promise<void>
  readonly cancel: () => void
}

// How often somebody who waits for room, or for others to drain, looks again.
const lookMs = 50

// What a queue takes well within any timeout; one value that has more bytes goes alone.
const mostAtOnce = 500
const mostBytes = 4 * 2 ** 20

/**
 * The writes of one cache that `@WriteBehind` accepted and that have yet to be made: `manager.writes('products')`. They
 * are made in processes where an object's method was called, or that was given to `drainWrites()`.
 */
export class PendingWrites {
  readonly #parts: PendingWritesParts
  readonly #finds: GatheredFinds
  #worker: WriteWorker | undefined
  #operation: object | undefined
  #isClosed = false
  #isAbandoned = false

  /** @internal Made by a manager. */
  constructor(parts: PendingWritesParts) {
    this.#parts = parts
    this.#finds = new GatheredFinds(parts.queue)
  }

  /** How many keys wait to be written, and how many writes were given up. */
  counts(): Promise<QueueCounts> {
    return this.#parts.queue.counts()
  }

  /**
   * Resolves when all that was accepted until now, by any process, has been written or given up. Where no process drains
   * the queue, that is never.
   *
   * @param options `signal` ends the wait
   * @throws the signal's reason; CW_SHARED_UNAVAILABLE, CW_SHARED_TIMEOUT if the queue cannot be reached; CW_WRITE_REFUSED if
   *   the manager is closed meanwhile
   */
  async flush({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { queue } = this.#parts
    signal?.throwIfAborted()
    const mark = await queue.mark()
    while (!(await queue.isPast(mark))) {
      if (this.#isAbandoned) throw refused(this.#parts.cache, 'the manager was closed before all was written.')
      const pause = this.#pause(signal)
      // Under constant traffic a pass has no end.
      await Promise.race([this.#worker?.work() ?? pause.over, pause.over])
      if (await queue.isPast(mark).finally(pause.cancel)) return
      signal?.throwIfAborted()
      await this.#pause(signal).over
    }
  }

  /** Writes that were given up, one for each key. @param most how many at the most; 100 by default */
  async buried(most = 100): Promise<readonly FailedWrite[]> {
    const found = await this.#parts.queue.buried(most)
    return found.map(({ key, bytes, reason }) => ({ key, value: this.#valueIn(bytes), reason }))
  }

  /** Lets all that was given up be tried again, behind what waits. @returns how many those are */
  async revive(): Promise<number> {
    return this.#parts.queue.revive()
  }

  /** Forgets all that was given up. @returns how many those were */
  async discard(): Promise<number> {
    return this.#parts.queue.discard()
  }

  /**
   * @internal Has the writes made by this method, unless another object's does so already.
   *
   * @param operation the decorator's record: a queue is one method's
   * @throws CW_DEFINITION_CONFLICT
   */
  drainWith(
    operation: object,
    where: string,
    terms: BehindOperation,
    make: (values: readonly unknown[], signal: AbortSignal) => Promise<unknown>,
  ): void {
    const { cache, queue, clock, events, warnings, frames, evict } = this.#parts
    if (this.#operation !== undefined && this.#operation !== operation) {
      throw cacheError(
        'CW_DEFINITION_CONFLICT',
        `@WriteBehind of ${where}: cache '${cache}' has another method with @WriteBehind, and its queue can be only one's. Give one of them another cache.`,
      )
    }
    this.#operation = operation
    if (this.#isClosed || this.#worker !== undefined) return
    const upgrade = terms.upgrade as ((value: unknown, version: string) => unknown) | undefined
    const decode = (bytes: Buffer): unknown => frames.decode(bytes, upgrade)
    this.#worker = new WriteWorker({ cache, queue, clock, terms, events, warnings, decode, make, onBuried: evict })
  }

  /**
   * @internal Values as they are accepted, whatever becomes of them afterwards.
   *
   * @throws CW_VALUE_UNSUPPORTED, CW_VALUE_TOO_LARGE
   */
  prepare(values: readonly PreparedValue[]): readonly QueuedWrite[] {
    return values.map(({ key, value, version }) => ({ key, version, bytes: this.#parts.frames.encode(value) }))
  }

  /** @internal A value as it was when it was prepared. */
  valueOf({ bytes }: QueuedWrite): unknown {
    return this.#parts.frames.decode(bytes)
  }

  /**
   * @internal Accepts writes, in their order.
   *
   * @returns the keys for which a newer version waits, and goes on waiting
   * @throws CW_WRITE_REFUSED; what the queue throws
   */
  async accept(writes: readonly QueuedWrite[], terms: BehindOperation): Promise<ReadonlySet<string>> {
    const { cache, queue, clock } = this.#parts
    const overtaken = new Set<string>()
    let waiting = writes
    const until = clock.now() + terms.maxWaitMs
    while (waiting.length > 0) {
      if (this.#isClosed) {
        throw refused(
          cache,
          'the manager is closed, and a write past the queue could be undone by one that waits in it.',
        )
      }
      const some = firstOf(waiting)
      const offered = await queue.offer(some, terms.maxPending)
      for (const index of offered.overtaken) overtaken.add(some[index]!.key)
      this.#worker?.notice(offered.accepted)
      waiting = waiting.slice(offered.accepted)
      if (offered.accepted === some.length) continue
      if (clock.now() >= until) {
        throw refused(
          cache,
          `${terms.maxPending} keys wait to be written (\`maxPending\`), and there was no room for ${waiting.length} of ${writes.length} values within ${terms.maxWaitMs} ms (\`maxWait\`); the others were accepted. Write less, or make the method faster.`,
        )
      }
      void this.#worker?.work()
      await this.#pause().over
    }
    return overtaken
  }

  /** @internal What waits to be written for a key. */
  async find(key: string): Promise<Lookup<unknown>> {
    const bytes = await this.#finds.find(key)
    return bytes === null ? miss : { found: true, value: this.#parts.frames.decode(bytes) }
  }

  /** @internal Accepts no more, has what waits made (as often as it takes, where it would be lost), and then takes no more. */
  async close(): Promise<void> {
    this.#isClosed = true
    const worker = this.#worker
    if (worker === undefined) return
    const working = worker.workNow()
    const over = new AbortController()
    const flushed = this.flush({ signal: over.signal })
    // What outlives this process others can write, and go on queueing.
    await (this.#parts.queue.isDurable ? Promise.race([working, flushed]) : flushed).catch(() => {})
    over.abort()
    flushed.catch(() => {})
    await worker.stop()
  }

  /** @internal Ends the wait of {@link close}, whatever waits, and what the worker is at. */
  async abandon(): Promise<void> {
    this.#isAbandoned = true
    this.#worker?.abandon()
    const { cache, queue, warnings } = this.#parts
    if (queue.isDurable) return
    const { pending } = await queue.counts()
    if (pending === 0) return
    warnings.once(
      'CW_WRITES_LOST',
      cache,
      `The manager was closed while ${pending} values of cache '${cache}' were not written; they are lost. A \`shared\` tier on Redis keeps them.`,
    )
  }

  #valueIn(bytes: Buffer): unknown {
    try {
      return this.#parts.frames.decode(bytes)
    } catch {
      return undefined
    }
  }

  #pause(signal?: AbortSignal): Pause {
    let cancel = (): void => {}
    const over = new Promise<void>((resolve) => {
      const letGo = keepProcess()
      const stopTimer = this.#parts.clock.setTimer(goOn, lookMs)
      signal?.addEventListener('abort', goOn)
      function goOn(): void {
        letGo()
        stopTimer()
        signal?.removeEventListener('abort', goOn)
        resolve()
      }
      cancel = goOn
    })
    return { over, cancel }
  }
}

/** As many as are offered at once. */
function firstOf(writes: readonly QueuedWrite[]): readonly QueuedWrite[] {
  let bytes = 0
  const some = writes.slice(0, mostAtOnce)
  const most = some.findIndex((write, index) => {
    bytes += write.bytes.length
    return index > 0 && bytes > mostBytes
  })
  return most === -1 ? some : some.slice(0, most)
}

function refused(cache: string, why: string): Error {
  return cacheError('CW_WRITE_REFUSED', `@WriteBehind for cache '${cache}': ${why}`)
}
