import {
  type CacheEventName,
  type CacheEvents,
  type CacheManager,
  cacheError,
  describeThrown,
  isCacheError,
} from '../index'

/** One event, and which it was. */
export type RecordedEvent = {
  readonly [Name in CacheEventName]: { readonly name: Name } & CacheEvents[Name]
}[CacheEventName]

/** What a manager tells while it is recorded, in its order. */
export interface EventTrace {
  readonly events: readonly RecordedEvent[]
  /** A line for each event, without times, so that it can be compared: `miss products 42`. */
  readonly lines: readonly string[]
  /** How often something was told, of one cache or of all. */
  count(name: CacheEventName, cache?: string): number
  /** Forgets what was recorded so far. */
  clear(): void
  /** Records no further. */
  stop(): void
  /** The lines, as one text. */
  toString(): string
}

/**
 * Records what a manager tells from now on: what a test can hold a whole story against.
 *
 * @param names the events to record. @default all
 * @throws CW_OPTION_INVALID for an event there is not
 *
 * @example
 * ```ts
 * const trace = recordEvents(caching)
 * await products.findById('42')
 * expect(trace.lines).toEqual(['miss products 42', 'load products 42'])
 * ```
 */
export function recordEvents(
  manager: CacheManager,
  names: readonly CacheEventName[] = Object.keys(lineOf) as CacheEventName[],
): EventTrace {
  if (!Array.isArray(names)) throw cacheError('CW_OPTION_INVALID', 'recordEvents(): the names must be an array.')
  let events: RecordedEvent[] = []
  const record = (name: CacheEventName): (() => void) =>
    manager.on(name, (event) => void events.push(Object.freeze({ name, ...event }) as RecordedEvent))
  const stops = names.map(record)
  const lines = (): string[] => events.map((event) => (lineOf[event.name] as (its: RecordedEvent) => string)(event))
  return {
    get events() {
      return [...events]
    },
    get lines() {
      return lines()
    },
    count: (name, cache) =>
      events.filter((event) => event.name === name && (cache === undefined || cacheOf(event) === cache)).length,
    clear() {
      events = []
    },
    stop() {
      for (const stop of stops.splice(0)) stop()
    },
    toString: () => lines().join('\n'),
  }
}

function cacheOf(event: RecordedEvent): string | undefined {
  return 'cache' in event ? event.cache : undefined
}

const keyed = ({ name, cache, key }: { readonly name: string; readonly cache: string; readonly key: string }): string =>
  `${name} ${cache} ${key}`

const withError = (line: string, error: unknown): string =>
  `${line}: ${isCacheError(error) ? error.code : describeThrown(error)}`

/** Each event in a line. */
const lineOf: {
  readonly [Name in CacheEventName]: (event: { readonly name: Name } & CacheEvents[Name]) => string
} = {
  hit: (event) => `${keyed(event)} (${event.tier})`,
  miss: keyed,
  load: keyed,
  loadFailure: (event) => withError(keyed(event), event.error),
  stale: (event) => `${keyed(event)} (${event.reason})`,
  shed: keyed,
  put: keyed,
  evict: ({ cache = 'every cache', key, tags }) => {
    const what = key ?? (tags === undefined ? 'everything' : `tagged ${tags.join(', ')}`)
    return `evict ${cache} ${what}`
  },
  removal: (event) => `${keyed(event)} (${event.cause})`,
  superseded: keyed,
  refused: (event) => withError(keyed(event), event.error),
  skipped: ({ cache = 'every cache', operation, error }) => withError(`skipped ${cache} ${operation}`, error),
  unreadable: keyed,
  warm: ({ done, loaded, failed }) => `warm ${done} done, ${loaded} loaded, ${failed} failed`,
  deferred: ({ pending }) => `deferred ${pending}`,
  circuit: ({ server, state }) => `circuit ${state} ${server}`,
  written: ({ cache, count }) => `written ${cache} ${count}`,
  writeFailed: ({ cache, count, error }) => withError(`writeFailed ${cache} ${count}`, error),
  buried: (event) => withError(keyed(event), event.error),
  sharedFailure: ({ cache = 'every cache', operation, error }) =>
    withError(`sharedFailure ${cache} ${operation}`, error),
}
