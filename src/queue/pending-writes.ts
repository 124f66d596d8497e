import type { EventHub } from '../events/event-hub'
import type { CompleteClock } from '../kernel/clock'
import { cacheError } from '../kernel/errors'
import { type Lookup, miss } from '../kernel/lookup'
import type { Warnings } from '../kernel/warn'
import type { BehindOperation } from '../metadata/operation'
import type { QueueCounts, QueuedWrite, WriteQueue } from '../stores/write-queue'
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

/** Keys that are asked for in one turn, and so in one round trip. */
interface Asked {
  readonly keys: Set<string>
  readonly found: Promise<ReadonlyMap<string, Buffer | null>>
}

// How often somebody who waits for room, or for others to drain, looks again.
const lookMs = 50

// What a queue takes well within any timeout.
const mostAtOnce = 500

/**
 * The writes of one cache that `@WriteBehind` accepted and that have yet to be made: `manager.writes('products')`. They
 * are made in processes where an object's method was called, or that was given to `drainWrites()`.
 */
export class PendingWrites {
  readonly #parts: PendingWritesParts
  #asked: Asked | undefined
  #worker: WriteWorker | undefined
  #operation: object | undefined
  #isClosed = false
  #isAbandoned = false

  /** @internal Made by a manager. */
  constructor(parts: PendingWritesParts) {
    this.#parts = parts
  }

  /** How many keys wait to be written, and how many writes were given up. */
  counts(): Promise<QueueCounts> {
    return this.#parts.queue.counts()
  }

  /**
   * Resolves when all that was accepted until now, by any process, has been written or given up.
   *
   * @param options `signal` ends the wait
   * @throws the signal's reason; CW_SHARED_UNAVAILABLE, CW_SHARED_TIMEOUT if the queue cannot be reached
   */
  async flush({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { queue } = this.#parts
    signal?.throwIfAborted()
    const mark = await queue.mark()
    while (!(await queue.isPast(mark))) {
      await this.#worker?.work()
      if (await queue.isPast(mark)) return
      if (this.#isAbandoned) return
      signal?.throwIfAborted()
      await this.#pause(signal)
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
    const decode = (bytes: Buffer): unknown => frames.decode(bytes)
    this.#worker = new WriteWorker({ cache, queue, clock, terms, events, warnings, decode, make, onBuried: evict })
  }

  /**
   * @internal Accepts writes, in their order.
   *
   * @throws CW_VALUE_UNSUPPORTED, before any of them is accepted; CW_WRITE_REFUSED; what the queue throws
   */
  async accept(
    values: readonly { readonly key: string; readonly value: unknown }[],
    terms: BehindOperation,
  ): Promise<void> {
    const { cache, queue, frames, clock } = this.#parts
    if (this.#isClosed) {
      throw refused(cache, 'the manager is closed, and a write past the queue could be undone by one that waits in it.')
    }
    const writes = new Map<string, QueuedWrite>()
    for (const { key, value } of values) writes.set(key, { key, bytes: frames.encode(value) })
    let waiting = [...writes.values()]
    const until = clock.now() + terms.maxWaitMs
    for (;;) {
      const accepted = await queue.offer(waiting.slice(0, mostAtOnce), terms.maxPending)
      this.#worker?.notice(accepted)
      waiting = waiting.slice(accepted)
      if (waiting.length === 0) return
      if (accepted === mostAtOnce) continue
      if (clock.now() >= until) {
        throw refused(
          cache,
          `${terms.maxPending} keys wait to be written (\`maxPending\`), and there was no room for ${waiting.length} of ${writes.size} values within ${terms.maxWaitMs} ms (\`maxWait\`); the others were accepted. Write less, or make the method faster.`,
        )
      }
      void this.#worker?.work()
      await this.#pause()
    }
  }

  /** @internal What waits to be written for a key. */
  async find(key: string): Promise<Lookup<unknown>> {
    const bytes = await this.#ask(key)
    return bytes === null ? miss : { found: true, value: this.#parts.frames.decode(bytes) }
  }

  /** @internal Accepts no more, has what waits made (as often as it takes, where it would be lost), and takes no more. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#worker === undefined) return
    await (this.#parts.queue.isDurable ? this.#worker.work() : this.flush())
    await this.#worker.stop()
  }

  /** @internal Ends the wait of {@link close}, whatever waits. */
  async abandon(): Promise<void> {
    this.#isAbandoned = true
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

  async #ask(key: string): Promise<Buffer | null> {
    this.#asked ??= this.#askSoon()
    const { keys, found } = this.#asked
    keys.add(key)
    return (await found).get(key)!
  }

  #askSoon(): Asked {
    const keys = new Set<string>()
    const turn = new Promise<void>((resolve) => process.nextTick(resolve))
    const found = turn.then(async () => {
      this.#asked = undefined
      const its = [...keys]
      const answers = await this.#parts.queue.find(its)
      return new Map(its.map((key, index) => [key, answers[index]!]))
    })
    return { keys, found }
  }

  #valueIn(bytes: Buffer): unknown {
    try {
      return this.#parts.frames.decode(bytes)
    } catch {
      return undefined
    }
  }

  #pause(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.setTimer(goOn, lookMs)
      signal?.addEventListener('abort', goOn)
      function goOn(): void {
        cancel()
        signal?.removeEventListener('abort', goOn)
        resolve()
      }
    })
  }
}

function refused(cache: string, why: string): Error {
  return cacheError('CW_WRITE_REFUSED', `@WriteBehind for cache '${cache}': ${why}`)
}
