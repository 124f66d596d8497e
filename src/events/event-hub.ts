import { type Channel, channel } from 'node:diagnostics_channel'
import { describeThrown } from '../kernel/describe'
import type { Warnings } from '../kernel/warn'
import { type CacheEventName, type CacheEvents, cacheEventNames } from './cache-event'

/** Called with each event of the kind it was registered for. */
export type CacheEventListener<Name extends CacheEventName> = (event: CacheEvents[Name]) => void

type Listeners = { readonly [Name in CacheEventName]: Set<{ readonly listener: CacheEventListener<Name> }> }

/**
 * Delivers events to a manager's listeners and to `diagnostics_channel` (`cachewright:<event>`, which sees the events of
 * every manager in the process). An event object is built only when somebody listens.
 */
export class EventHub {
  readonly #warnings: Warnings
  readonly #listeners: Listeners
  readonly #channels: { readonly [Name in CacheEventName]: Channel }
  readonly #hitListeners: Listeners['hit']
  readonly #hitChannel: Channel

  constructor(warnings: Warnings) {
    this.#warnings = warnings
    this.#listeners = byName(() => new Set()) as Listeners
    this.#channels = byName((name) => channel(`cachewright:${name}`))
    this.#hitListeners = this.#listeners.hit
    this.#hitChannel = this.#channels.hit
  }

  /** @returns a function that takes the listener off again */
  on<Name extends CacheEventName>(name: Name, listener: CacheEventListener<Name>): () => void {
    // An object of its own: who is registered twice is told twice, and taken off one by one.
    const registered = { listener }
    this.#listeners[name].add(registered)
    return () => this.#listeners[name].delete(registered)
  }

  /** Whether anybody would see hits: the one question that is asked for every answer. */
  get wantsHits(): boolean {
    return this.#hitListeners.size > 0 || this.#hitChannel.hasSubscribers
  }

  /** Whether anybody would see this event; ask before building one on a hot path. */
  wants(name: CacheEventName): boolean {
    return this.#listeners[name].size > 0 || this.#channels[name].hasSubscribers
  }

  emit<Name extends CacheEventName>(name: Name, event: CacheEvents[Name]): void {
    const listeners = this.#listeners[name]
    if (listeners.size > 0) {
      Object.freeze(event)
      // A copy: who is added by a listener hears of the next event.
      for (const { listener } of [...listeners]) this.#tell(name, listener, event)
    }
    if (this.#channels[name].hasSubscribers) this.#channels[name].publish(event)
  }

  has(name: string): name is CacheEventName {
    return Object.hasOwn(this.#listeners, name)
  }

  // A listener watches; its failure, now or later, is not the service's.
  #tell<Name extends CacheEventName>(name: Name, listener: CacheEventListener<Name>, event: CacheEvents[Name]): void {
    const failed = (error: unknown): void =>
      this.#warnings.once(
        'CW_FUNCTION_FAILED',
        `on ${name}`,
        `A listener of '${name}' failed: ${describeThrown(error)}`,
      )
    try {
      const answer: unknown = listener(event)
      if (answer instanceof Promise) answer.catch(failed)
    } catch (error) {
      failed(error)
    }
  }
}

function byName<Part>(make: (name: CacheEventName) => Part): { [Name in CacheEventName]: Part } {
  return Object.fromEntries(cacheEventNames.map((name) => [name, make(name)])) as { [Name in CacheEventName]: Part }
}
