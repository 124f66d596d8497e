import { createIsolation } from '../cache/isolation'
import type { PendingLookup } from '../cache/tier'
import { createCodec } from '../codec/codec'
import type { EventHub } from '../events/event-hub'
import type { TypeRegistry } from '../kernel/registered-types'
import type { Warnings } from '../kernel/warn'
import { createKeyspace } from '../key/keyspace'
import type { BehindOperation } from '../metadata/operation'
import { mayBeQueued, queuedFor } from '../metadata/queued-methods'
import { PendingWrites } from '../queue/pending-writes'
import { WriteFrames, type WriteFramesParts } from '../queue/write-frame'
import { MemoryQueue } from '../stores/memory-queue'
import type { SharedStore } from '../stores/shared-store'
import type { ManagerDefinition } from './definition'

/** What {@link WriteQueues} work with. */
export interface WriteQueuesParts {
  readonly definition: ManagerDefinition
  readonly store: SharedStore | undefined
  readonly events: EventHub
  readonly warnings: Warnings
  /** Removes what a cache has for an encoded key. */
  readonly evict: (cache: string, key: string) => Promise<void>
}

/** The queues of a manager's caches, for methods under `@WriteBehind`. */
export class WriteQueues {
  readonly #parts: WriteQueuesParts
  readonly #queues = new Map<string, PendingWrites>()
  #isClosed = false

  constructor(parts: WriteQueuesParts) {
    this.#parts = parts
  }

  /** The queue of a cache; made on first use. */
  of(cache: string): PendingWrites {
    let writes = this.#queues.get(cache)
    if (writes === undefined) {
      const { definition, store, events, warnings, evict } = this.#parts
      const { prefix, clock, types } = definition
      const { version, maxValueBytes } = definition.cache(cache)
      const { queueKey } = createKeyspace({ prefix, cache, version: 1 })
      writes = new PendingWrites({
        cache,
        queue: store?.writeQueue?.(queueKey) ?? new MemoryQueue(),
        frames: new WriteFrames({
          cache,
          version: version === undefined ? '' : String(version),
          maxBytes: maxValueBytes,
          ...codecOf(types),
          upgrade: () => behindOf(cache)?.upgrade as never,
        }),
        clock,
        events,
        warnings,
        evict: (key) => evict(cache, key),
      })
      this.#queues.set(cache, writes)
      if (this.#isClosed) void writes.close()
    }
    return writes
  }

  /** What readers of a cache ask before the source: nothing, where no method queues its writes. */
  pendingIn(cache: string): PendingLookup {
    return (key) => (this.#mayWait(cache) ? this.of(cache).find(key) : undefined)
  }

  /** Has what waits made in this process, within the time there is; what is left in it then is lost, or waits for others. */
  async close(drain: (work: Promise<void>) => Promise<void>): Promise<void> {
    this.#isClosed = true
    const queues = [...this.#queues.values()]
    await drain(Promise.all(queues.map((writes) => writes.close())).then(() => {}))
    await Promise.all(queues.map((writes) => writes.abandon()))
  }

  /** Where only a class that inherits a method names its cache, it may be any. */
  #mayWait(cache: string): boolean {
    return this.#queues.has(cache) || mayBeQueued(cache)
  }
}

function behindOf(cache: string): BehindOperation | undefined {
  for (const { operations } of queuedFor(cache)) {
    const { behind } = operations.find((operation) => operation.behind !== undefined)!
    if (behind?.upgrade !== undefined) return behind
  }
  return undefined
}

function codecOf(types: TypeRegistry): Pick<WriteFramesParts, 'encode' | 'decode'> {
  const codec = createCodec(types)
  // The caller may change what it gave while it waits.
  const isolation = createIsolation('copy', types, false)
  return {
    encode: (value) => codec.encode(isolation.snapshot(isolation.hold(value).held)),
    decode: (format, payload) => codec.decode(format, payload),
  }
}
