import { AsyncResource } from 'node:async_hooks'
import type { IncomingMessage } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import { type Cache, cacheContext, type Detected, describeThrown, detect, type KeyValue } from '../index'
import { answerWith } from './answer'
import { type Conditions, conditionsOf, takeConditions } from './conditions'
import type { Exchange } from './exchange'
import type { ResponseCacheDefinition } from './options'
import { BrokenOff, type Recorded, recordResponse } from './recording'
import { replayOf } from './replay'
import { isSafe, passedBy } from './request-rules'
import { keyOf, pathTag } from './response-key'
import type { StoredResponse } from './stored-response'

/** What stands at a key: a response, or that there was one that could not be kept. */
type Kept = StoredResponse | null

/** A request that is made once more in the background, and who waits for its answer. */
interface Replay {
  readonly by: object
  readonly key: readonly KeyValue[]
  readonly settle: (recorded: Promise<Recorded>) => void
  readonly refuse: (error: BrokenOff) => void
}

const replays = new WeakMap<IncomingMessage, Replay>()

// A response that could not be kept is not waited for by the next requests: they would only queue up. An error is, since
// the next answer may be one to keep.
const passMs = 5_000

// The window is the response's own; this is only as far as a read may follow it.
const longestWindow = '365d'

// How often a request waits for one that is broken off before it looks after itself.
const mostAttempts = 3

/** Answers requests from a cache, and keeps what handlers answer: one for each set of options, whatever the framework. */
export class ResponseCache<Request> {
  readonly #definition: ResponseCacheDefinition<Request>
  #hasComplained = false

  constructor(definition: ResponseCacheDefinition<Request>) {
    this.#definition = definition
  }

  /** Answers the exchange from the cache, or lets the handler answer it; never throws. */
  handle(exchange: Exchange<Request>): void {
    const { isPrivate } = this.#definition
    const reason = passedBy(exchange.raw, exchange.target, isPrivate)
    const key = reason === undefined ? this.#keyOf(exchange) : undefined
    const replay = replays.get(exchange.raw)
    if (replay?.by === this) {
      replays.delete(exchange.raw)
      // Who is asking may be another by now, or nobody.
      const isSame = key !== undefined && isDeepStrictEqual(key, replay.key)
      replay.settle(
        isSame ? this.#record(exchange, noConditions) : Promise.reject(new BrokenOff('It is another request.')),
      )
      exchange.proceed()
    } else if (key === undefined) this.#passBy(exchange, reason ?? 'partition')
    else this.#answer(exchange, key)
  }

  /**
   * Removes what is kept of a path that a request has changed; resolves when that has happened, and never rejects
   * (RFC 9111 §4.4).
   */
  async changed(exchange: Pick<Exchange<Request>, 'raw' | 'uri' | 'response'>): Promise<void> {
    const { statusCode } = exchange.response
    if (isSafe(exchange.raw.method) || statusCode < 200 || statusCode >= 400) return
    await this.#cache.evictTags([pathTag(exchange)]).catch(() => {})
  }

  get #cache(): Cache<Kept> {
    return this.#definition.cache as Cache<Kept>
  }

  #answer(exchange: Exchange<Request>, key: readonly KeyValue[]): void {
    const answered = exchange.raw.method === 'HEAD' ? this.#answerHead(exchange, key) : this.#answerGet(exchange, key)
    // What fails here is a mistake of ours; the connection must not hang for it.
    answered.catch(() => exchange.response.destroy())
  }

  async #answerHead(exchange: Exchange<Request>, key: readonly KeyValue[]): Promise<void> {
    const { result, reads } = await detect(() => this.#cache.lookup(key)).catch(() => nothing)
    // A HEAD fills no cache: its answer has no body.
    if (!result.found || result.value === null) return this.#passBy(exchange, 'head')
    this.#serve(exchange, result.value, reads.at(-1)?.ageMs, conditionsOf(exchange.raw.headers), '')
  }

  async #answerGet(exchange: Exchange<Request>, key: readonly KeyValue[]): Promise<void> {
    const conditions = conditionsOf(exchange.raw.headers)
    const visit = new Visit()
    const found = await this.#find(exchange, key, conditions, visit)
    // Whoever leads is answered by his own handler, whatever else was found meanwhile.
    if (visit.leads || isGone(exchange)) return
    visit.isAnswered = true
    if (found === undefined) return this.#passBy(exchange, 'failed')
    const { result, reads } = found
    if (result === null) return this.#passBy(exchange, 'not-kept')
    const read = reads.findLast(({ cache }) => cache === this.#cache.name)
    const how = read?.from === 'source' ? '; collapsed' : read?.stale === undefined ? '' : '; detail=stale'
    this.#serve(exchange, result, read?.ageMs, conditions, how)
  }

  /** What there is at a key when everybody has had his say; undefined where that is nothing to answer with. */
  async #find(
    exchange: Exchange<Request>,
    key: readonly KeyValue[],
    conditions: Conditions,
    visit: Visit,
  ): Promise<Detected<Kept> | undefined> {
    for (let attempt = 1; attempt <= mostAttempts; attempt++) {
      try {
        return await detect(() => this.#read(exchange, key, conditions, visit))
      } catch (error) {
        if (visit.leads || isGone(exchange) || !(error instanceof BrokenOff)) return undefined
      }
    }
    return undefined
  }

  #read(exchange: Exchange<Request>, key: readonly KeyValue[], conditions: Conditions, visit: Visit): Promise<Kept> {
    let tags = (): readonly string[] => []
    const load = async (signal: AbortSignal): Promise<Kept> => {
      const context = cacheContext<Kept>()
      // Where there is a response to serve meanwhile, or this request has its answer, nobody's connection is at hand.
      const isBehind = visit.leads || visit.isAnswered || context?.previous !== undefined
      const recorded = await (isBehind ? this.#replay(exchange, key, signal) : this.#lead(exchange, conditions, visit))
      if (recorded.stored === undefined) {
        if (recorded.isError) context?.skipStoring()
        context?.setTtl(passMs)
        context?.setStaleWhileRevalidate(0)
        return null
      }
      const { stored, head, ttlMs, staleMs } = recorded
      context?.setTtl(ttlMs)
      context?.setStaleWhileRevalidate(staleMs)
      tags = () => [pathTag(exchange), ...this.#definition.tags(exchange.request, head)]
      return stored
    }
    return this.#cache.getOrLoad(key, load, {
      tags: () => tags(),
      staleWhileRevalidate: longestWindow,
      // What they would serve, or leave waiting, has a handler at work on its connection.
      staleIfError: 0,
      softTimeout: Number.POSITIVE_INFINITY,
      cacheErrors: false,
    })
  }

  /** Lets the handler answer, and follows what it says; in the context that it would have without a cache. */
  #lead(exchange: Exchange<Request>, conditions: Conditions, visit: Visit): Promise<Recorded> {
    if (isGone(exchange)) throw new BrokenOff('The client has gone.')
    visit.leads = true
    takeConditions(exchange.raw.headers)
    const recorded = this.#record(exchange, conditions)
    try {
      visit.outside.runInAsyncScope(exchange.proceed)
    } catch (error) {
      // No framework lets it come to this; the client must not wait for ever.
      exchange.response.destroy()
      throw error
    }
    return recorded
  }

  /** Lets the application answer the request once more, for nobody. */
  #replay(exchange: Exchange<Request>, key: readonly KeyValue[], signal: AbortSignal): Promise<Recorded> {
    return new Promise((resolve, reject) => {
      const { raw, response } = replayOf(exchange.raw, signal)
      replays.set(raw, { by: this, key, settle: resolve, refuse: reject })
      // Something before us has answered it, or broken it off.
      response.once('close', () => reject(new BrokenOff('The request did not come as far as the cache.')))
      exchange.dispatch(raw, response)
    })
  }

  #record(exchange: Exchange<Request>, conditions: Conditions): Promise<Recorded> {
    const { response, before } = exchange
    const tell = (how: string): void => this.#tell(exchange, how)
    const recorded = recordResponse({ response, before, conditions, tell }, this.#definition)
    // Who waits for it may have gone.
    recorded.catch(() => {})
    return recorded
  }

  #serve(
    exchange: Exchange<Request>,
    stored: StoredResponse,
    ageMs: number | undefined,
    conditions: Conditions,
    how: string,
  ): void {
    const isHead = exchange.raw.method === 'HEAD'
    exchange.takeOver()
    this.#tell(exchange, `hit${how}`)
    answerWith(exchange.response, stored, { isHead, ageMs: ageMs ?? 0, conditions })
  }

  #passBy(exchange: Exchange<Request>, reason: string): void {
    this.#tell(exchange, `fwd=bypass; detail=${reason}`)
    exchange.proceed()
  }

  #tell({ response }: Exchange<Request>, how: string): void {
    if (!this.#definition.cacheStatus) return
    response.setHeader('cache-status', `"${this.#cache.name.replace(/[^\x20-\x7e]|["\\]/g, '_')}"; ${how}`)
  }

  /** Undefined for a request of nobody known. */
  #keyOf(exchange: Exchange<Request>): readonly KeyValue[] | undefined {
    const { partition } = this.#definition
    const whose: KeyValue[] = []
    if (partition !== undefined) {
      try {
        const its = partition(exchange.request)
        if (its === undefined) return undefined
        whose.push(its)
      } catch (error) {
        this.#complain(error)
        return undefined
      }
    }
    return keyOf(exchange, this.#definition, whose)
  }

  /** Once: it would be said for every request. */
  #complain(error: unknown): void {
    if (this.#hasComplained) return
    this.#hasComplained = true
    const message = `Responses are not cached: \`partition\` threw: ${describeThrown(error)}`
    process.emitWarning(message, { type: 'CachewrightWarning', code: 'CW_FUNCTION_FAILED' })
  }
}

/** One request on its way to an answer. */
class Visit {
  /** Where it came from: what was going on around it before the cache was asked. */
  readonly outside = new AsyncResource('cachewright-response')
  /** Whether its own handler answers it, and makes the response that others wait for. */
  leads = false
  isAnswered = false
}

const noConditions: Conditions = { ifNoneMatch: undefined, ifModifiedSince: undefined }

const nothing = { result: { found: false as const }, reads: [] }

function isGone({ response }: Pick<Exchange<never>, 'response'>): boolean {
  return response.destroyed || response.writableEnded
}
