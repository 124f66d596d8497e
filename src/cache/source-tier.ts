import type { CompleteClock } from '../kernel/clock'
import type { CacheObserver } from './cache-observer'
import type { EntryMaker } from './entry-maker'
import type { Flight } from './flight'
import type { Loaded, Tier } from './tier'

/** The last tier: the user's method, its time measured, its value made safe to keep. */
export class SourceTier implements Tier {
  constructor(
    private readonly entries: EntryMaker,
    private readonly clock: CompleteClock,
    private readonly observer: CacheObserver,
  ) {}

  async load({ key, request, signal, stamp }: Flight): Promise<Loaded> {
    const startedAt = this.clock.now()
    let value: unknown
    try {
      value = await request.load(signal)
    } catch (error) {
      this.observer.loadFailed(key, this.clock.now() - startedAt, error)
      throw error
    }
    const loadMs = this.clock.now() - startedAt
    this.observer.loaded(key, loadMs)
    const { terms } = request
    const kept = terms.ifKept(value)
    // Also a value that is not kept is made an entry: those who waited together must not share one mutable object.
    const entry = this.entries.make(key, value, kept?.tags ?? [], terms, {
      stamp,
      verifiedAt: startedAt,
      loadMs,
      version: kept?.version,
    })
    return { entry, keep: entry !== undefined && kept !== undefined && terms.ttlMs > 0, value }
  }
}
