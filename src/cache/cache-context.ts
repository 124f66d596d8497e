import { type Duration, milliseconds } from '../kernel/duration'
import { cacheError } from '../kernel/errors'
import { checkTags } from './check-tags'
import { flightServed } from './current-flight'
import type { Flight } from './flight'

/** The value before the one being loaded. */
export interface PreviousValue<Value> {
  readonly value: Value
  /** What the method called that state of the value, see {@link CacheContext.setValidator}. */
  readonly validator: string | undefined
}

/** What a method can say, while it runs, about the value it is about to return. */
export interface CacheContext<Value = unknown> {
  /**
   * The value there is, past its life or about to be: only while it may still be served, by `staleWhileRevalidate`,
   * `staleIfError` or `refreshAhead`. Undefined where there is none, or it was evicted.
   */
  readonly previous: PreviousValue<Value> | undefined
  /** How long this value lives; 0 keeps nothing. @throws CW_OPTION_INVALID */
  setTtl(ttl: Duration): void
  /**
   * How long past its life this value may be served while a newer one is loaded; a read serves it no longer than its own
   * `staleWhileRevalidate` says. @throws CW_OPTION_INVALID
   */
  setStaleWhileRevalidate(duration: Duration): void
  /** Tags this value carries beside those that the operation names. @throws CW_OPTION_INVALID */
  addTags(...tags: string[]): void
  /** What the source calls this state of the value (an etag, a time of change), for the next load. */
  setValidator(validator: string): void
  /** Lets this value be the answer and be kept nowhere. */
  skipStoring(): void
  /**
   * Says that the value has not changed: it is the answer, keeps its tags and validator, and begins a new life.
   *
   * @returns the value
   * @throws CW_OPTION_INVALID if there is no previous value
   */
  notModified(): Value
  /** Says that the load failed, as if the method had thrown this, whatever it returns. */
  fail(error: unknown): void
}

/**
 * The load that the running code belongs to; undefined outside of one: in a method that is called past the cache, in a
 * `@CachePut`, after `close()`.
 *
 * @example
 * ```ts
 * @Cacheable({ cache: 'rates', staleIfError: '1d' })
 * async find(currency: string): Promise<Rate> {
 *   const context = cacheContext<Rate>()
 *   const etag = context?.previous?.validator
 *   const response = await fetch(url(currency), { headers: etag ? { 'if-none-match': etag } : {} })
 *   if (response.status === 304) return context!.notModified()
 *   context?.setValidator(response.headers.get('etag') ?? '')
 *   return response.json()
 * }
 * ```
 */
export function cacheContext<Value = unknown>(): CacheContext<Value> | undefined {
  const flight = flightServed()
  return flight === undefined ? undefined : new FlightContext<Value>(flight)
}

const here = 'cacheContext()'

class FlightContext<Value> implements CacheContext<Value> {
  readonly #flight: Flight

  constructor(flight: Flight) {
    this.#flight = flight
  }

  get previous(): PreviousValue<Value> | undefined {
    const { previous, isolation, evicted } = this.#flight
    if (previous === undefined || previous.isError || evicted) return undefined
    return { value: isolation.give(previous.held) as Value, validator: previous.validator }
  }

  setTtl(ttl: Duration): void {
    this.#flight.adjustments.ttlMs = milliseconds(ttl, `${here}.setTtl`)
  }

  setStaleWhileRevalidate(duration: Duration): void {
    this.#flight.adjustments.staleWhileRevalidateMs = milliseconds(duration, `${here}.setStaleWhileRevalidate`)
  }

  addTags(...tags: string[]): void {
    checkTags(tags, `${here}.addTags`)
    this.#flight.adjustments.tags.push(...tags)
  }

  setValidator(validator: string): void {
    if (typeof validator !== 'string') {
      throw cacheError('CW_OPTION_INVALID', `${here}.setValidator: a validator is a text, got ${typeof validator}.`)
    }
    this.#flight.adjustments.validator = validator
  }

  skipStoring(): void {
    this.#flight.adjustments.isSkipped = true
  }

  notModified(): Value {
    const { previous } = this
    if (previous === undefined) {
      throw cacheError(
        'CW_OPTION_INVALID',
        `${here}.notModified: there is no previous value. Ask \`previous\` before you ask the source on its condition.`,
      )
    }
    this.#flight.adjustments.unmodified = this.#flight.previous
    return previous.value
  }

  fail(error: unknown): void {
    this.#flight.adjustments.failure = { error }
  }
}
