import type { CompleteClock } from '../kernel/clock'

/** An eviction that has yet to arrive. */
export interface Pending {
  /** When it is no longer worth sending. */
  readonly until: number
}

/** What a {@link EvictionJournal} works with. */
export interface EvictionJournalParts {
  readonly clock: CompleteClock
  /** Keys by who has to take them, so that one who is away holds up no other. */
  readonly groups: (keys: readonly string[]) => readonly (readonly string[])[]
  /** Sends evictions of one group; rejects if it is not known that they arrived. */
  readonly send: (keys: readonly string[]) => Promise<void>
  /** Told when evictions had to be kept back, and when they have arrived. */
  readonly onChange: (pending: number) => void
}

// More than a service evicts in a minute; over it, the oldest are given up to their ttl.
const maxPending = 100_000

/** An eviction that cannot be sent for so long is given up to the ttl of what it should have removed. */
export const deferredLifeMs = 24 * 3_600_000
const maxRecent = 10_000
const recentMs = 60_000
const batch = 500
const firstRetryMs = 50
const longestRetryMs = 2_000

/**
 * Evictions that have yet to arrive in the shared tier. An evict that failed may or may not have arrived, so the key is
 * kept here and sent again, with growing pauses, until it has; whoever reads it meanwhile does without the shared tier.
 * Deleting once too often costs a load; once too seldom serves an old value.
 *
 * What did arrive is remembered for a minute, and so are puts: a server that fails over, or is restarted from an older
 * dump, may have lost what it acknowledged, and then the keys are evicted again.
 *
 * Prior art: the auto-recovery queue of FusionCache.
 */
export class EvictionJournal {
  readonly #parts: EvictionJournalParts
  // By key, in order of age.
  readonly #pending = new Map<string, Pending>()
  readonly #recent = new Map<string, { readonly at: number; readonly arrival: number }>()
  #arrivals = 0
  #pauseMs = firstRetryMs
  #cancelRetry: (() => void) | undefined
  #sending: Promise<void> | undefined
  #closed = false

  constructor(parts: EvictionJournalParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#pending.size
  }

  holds(key: string): boolean {
    return this.#pending.size > 0 && this.#pending.has(key)
  }

  /** How much has arrived until now; see {@link touchedSince}. */
  get mark(): number {
    return this.#arrivals
  }

  /** Whether a key is kept here, or its evict has arrived since: what was read before is not to be believed. */
  touchedSince(key: string, mark: number): boolean {
    return this.holds(key) || (this.#recent.get(key)?.arrival ?? 0) > mark
  }

  /**
   * Keeps evictions that failed.
   *
   * @param lifeMs how long an entry that should be gone could live at the most
   */
  keep(keys: readonly string[], lifeMs: number): void {
    if (this.#closed) return
    const until = this.#parts.clock.now() + lifeMs
    const pending: Pending = { until }
    for (const key of keys) {
      const before = this.#pending.get(key)
      this.#pending.delete(key)
      this.#pending.set(key, before !== undefined && before.until > until ? { until: before.until } : pending)
    }
    trim(this.#pending, maxPending)
    this.#parts.onChange(this.#pending.size)
    // At once, unless that has just failed: behind whatever the server has yet to take from us, in its order.
    if (this.#cancelRetry === undefined && this.#sending === undefined) void this.flush()
  }

  /** Evictions that waited here have arrived. */
  arrived(keys: readonly string[]): void {
    this.#remember(keys, ++this.#arrivals)
  }

  /** Keys were written: a server that loses that may come back with older values. */
  written(keys: readonly string[]): void {
    this.#remember(keys, 0)
  }

  /** The evictions of these keys that wait now, to be told {@link overtaken} when younger values stand there. */
  waiting(keys: readonly string[]): ReadonlyMap<string, Pending> {
    const found = new Map<string, Pending>()
    if (this.#pending.size === 0) return found
    for (const key of keys) {
      const pending = this.#pending.get(key)
      if (pending !== undefined) found.set(key, pending)
    }
    return found
  }

  /** A younger value stands at this key by now: an eviction that waited before that was sent is not needed any more. */
  overtaken(key: string, waiting: ReadonlyMap<string, Pending>): void {
    const pending = waiting.get(key)
    if (pending === undefined || this.#pending.get(key) !== pending) return
    this.#pending.delete(key)
    this.#parts.onChange(this.#pending.size)
  }

  #remember(keys: readonly string[], arrival: number): void {
    const now = this.#parts.clock.now()
    for (const key of keys) {
      const before = this.#recent.get(key)?.arrival ?? 0
      this.#recent.delete(key)
      this.#recent.set(key, { at: now, arrival: Math.max(arrival, before) })
    }
    trim(this.#recent, maxRecent)
    for (const [key, { at }] of this.#recent) {
      if (now - at <= recentMs) break
      this.#recent.delete(key)
    }
  }

  /** The server is another one, or has lost its memory: what it acknowledged lately is sent again. */
  replay(): void {
    if (this.#recent.size > 0) this.keep([...this.#recent.keys()], deferredLifeMs)
  }

  /** The server can be reached again: no need to wait for the next retry. */
  retryNow(): void {
    this.#pauseMs = firstRetryMs
    if (this.#pending.size > 0) void this.flush()
  }

  /** Sends what is pending; resolves when that has been tried once. */
  flush(): Promise<void> {
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined
      this.#schedule()
    })
    return this.#sending
  }

  close(): void {
    this.#closed = true
    this.#cancelRetry?.()
    this.#pending.clear()
  }

  async #sendAll(): Promise<void> {
    const now = this.#parts.clock.now()
    for (const [key, { until }] of this.#pending) if (until <= now) this.#pending.delete(key)
    const groups = this.#parts.groups([...this.#pending.keys()])
    const sent = await Promise.all(groups.map((keys) => this.#sendGroup(keys)))
    this.#pauseMs = sent.includes(false) ? Math.min(longestRetryMs, this.#pauseMs * 2) : firstRetryMs
    this.#parts.onChange(this.#pending.size)
  }

  async #sendGroup(keys: readonly string[]): Promise<boolean> {
    try {
      for (let from = 0; from < keys.length; from += batch) {
        const some = keys.slice(from, from + batch)
        const before = some.map((key) => this.#pending.get(key))
        await this.#parts.send(some)
        // One kept anew meanwhile is younger than what was sent.
        for (const [index, key] of some.entries()) {
          if (this.#pending.get(key) === before[index]) this.#pending.delete(key)
        }
        this.arrived(some)
      }
      return true
    } catch {
      return false
    }
  }

  #schedule(): void {
    if (this.#pending.size === 0 || this.#cancelRetry !== undefined || this.#sending !== undefined) return
    this.#cancelRetry = this.#parts.clock.setTimer(() => void this.flush(), this.#pauseMs)
  }
}

function trim(map: Map<string, unknown>, max: number): void {
  for (const key of map.keys()) {
    if (map.size <= max) return
    map.delete(key)
  }
}
