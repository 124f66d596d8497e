import { isDeepStrictEqual } from 'node:util'
import { type CacheManager, configureCaching, createCacheManager } from 'cachewright'
import { redis } from 'cachewright/redis'
import { type City, CityService } from './city-service'
import type { Database } from './database'
import { type Change, Ledger } from './ledger'
import { type Outcome, runLoad, type Step } from './load'

/** How the caches of one run are set up; the same in every process. */
export interface CacheSettings {
  readonly redisUrl: string | undefined
  readonly prefix: string
  readonly maxStalenessMs: number
}

/** A load to run, with or without caching. */
export interface Task {
  readonly steps: readonly Step[]
  readonly visitors: number
  /** Undefined for the run without. */
  readonly caching: CacheSettings | undefined
}

/** What the visitors of one process saw; plain data. */
export interface Report extends Outcome {
  readonly stale: number
  readonly late: number
  readonly latestMs: number
  readonly hits: number
  readonly sharedHits: number
  readonly misses: number
  readonly sharedFailures: number
  readonly savedMs: number
}

/** The visitors of one process: the same service, annotated once, with caching and without. */
export class Visitors {
  #ledger = new Ledger()
  #caching: CacheManager | undefined
  #service: CityService | undefined
  #maxStalenessMs = 0

  constructor(private readonly database: Database) {}

  /** Sets up what the task needs; nothing is asked yet. */
  async prepare({ caching }: Task): Promise<void> {
    this.#ledger = new Ledger()
    this.#service = new CityService(this.database)
    if (caching === undefined) {
      // Methods whose manager is closed run as if they were not annotated.
      const closed = createCacheManager()
      await closed.close()
      closed.bind(this.#service)
      return
    }
    const { redisUrl, prefix, maxStalenessMs } = caching
    this.#maxStalenessMs = maxStalenessMs
    this.#caching = configureCaching({
      prefix,
      maxStaleness: maxStalenessMs,
      local: { maxEntries: 20_000 },
      defaults: { ttlJitter: 0.1 },
      ...(redisUrl === undefined ? {} : { shared: redis({ url: redisUrl }) }),
    })
    const { shared } = await this.#caching.ready()
    if (shared === 'away') throw new Error(`Redis does not answer at ${redisUrl}`)
  }

  async run({ steps, visitors }: Task, onChange: (change: Change) => void, progress: (steps: number) => void) {
    const outcome = await runLoad(this.#service!, steps, visitors, this.#ledger, onChange, progress)
    return this.#report(outcome)
  }

  /** Takes note of a change another process has made. */
  hear(change: Change): void {
    this.#ledger.note(change, this.#maxStalenessMs)
  }

  /** Reads all that was changed once more, and counts what is not exactly as the database has it. */
  async review(): Promise<{ readonly checked: number; readonly wrong: number }> {
    const ids = this.#ledger.changedCities
    const rows = await this.database.query<City>('select * from city where id = any($1::int[])', [ids])
    const read = await Promise.all(rows.map(({ id }) => this.#service!.byId(id)))
    const wrong = rows.filter((row, index) => !isDeepStrictEqual({ ...read[index] }, { ...row })).length
    return { checked: ids.length, wrong: wrong + ids.length - rows.length }
  }

  async close(): Promise<void> {
    await this.#caching?.close()
  }

  #report(outcome: Outcome): Report {
    const { stale, late, latestMs } = this.#ledger
    const caches = Object.values(this.#caching?.stats().caches ?? {})
    const sum = (count: (stats: (typeof caches)[number]) => number): number =>
      caches.reduce((total, stats) => total + count(stats), 0)
    return {
      ...outcome,
      stale,
      late,
      latestMs,
      hits: sum(({ hits }) => hits),
      sharedHits: sum(({ shared }) => shared?.hits ?? 0),
      misses: sum(({ misses }) => misses),
      sharedFailures: sum(({ shared }) => shared?.failures ?? 0),
      savedMs: sum(({ timeSavedMs }) => timeSavedMs),
    }
  }
}
