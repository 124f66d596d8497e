import { LRUCache } from 'lru-cache'
import type { Entry } from '../kernel/entry'
import type { LocalStore } from './local-store'

/** The limits of a local tier; at least one is finite. */
export interface LruLimits {
  readonly maxEntries: number
  readonly maxBytes: number
}

/** The local tier on lru-cache. Expiry is judged by the cache, on its own clock, so lru-cache's ttl is left off. */
export class LruStore implements LocalStore {
  readonly #entries: LRUCache<string, Entry>

  readonly #onRemoval: (key: string, cause: 'size' | 'replaced') => void

  constructor({ maxEntries, maxBytes }: LruLimits, onRemoval: (key: string, cause: 'size' | 'replaced') => void) {
    this.#onRemoval = onRemoval
    // Other removals are asked for, and counted by whoever asks.
    const dispose = (_entry: Entry, key: string, reason: LRUCache.DisposeReason): void => {
      if (reason === 'evict') onRemoval(key, 'size')
      else if (reason === 'set') onRemoval(key, 'replaced')
    }
    const bounded = Number.isFinite(maxBytes)
    this.#entries = new LRUCache<string, Entry>({
      ...(Number.isFinite(maxEntries) ? { max: maxEntries } : {}),
      ...(bounded ? { maxSize: maxBytes, sizeCalculation: sizeOf } : {}),
      dispose,
    } as LRUCache.Options<string, Entry, unknown>)
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  set(key: string, entry: Entry): boolean {
    if (this.#entries.maxSize > 0 && sizeOf(entry, key) > this.#entries.maxSize) {
      if (this.#entries.delete(key)) this.#onRemoval(key, 'replaced')
      return false
    }
    this.#entries.set(key, entry)
    return true
  }

  delete(key: string): boolean {
    return this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }

  keys(): Iterable<string> {
    return this.#entries.keys()
  }

  get size(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#entries.calculatedSize
  }
}

// The entry object, its promise and lru-cache's own slots, measured on Node 20.
const bookkeepingBytes = 200

function sizeOf(entry: Entry, key: string): number {
  return Math.ceil(entry.bytes + key.length + bookkeepingBytes)
}
