/** A change that is done: whoever made it has its answer. */
export interface Change {
  /** Its number; see {@link City.change}. */
  readonly change: number
  readonly country: string
  /** Undefined for a census, which changes every city of the country. */
  readonly city: number | undefined
  readonly doneAt: number
}

/** What a read showed of a city, or (without `id`) of a country as a whole. */
export interface Seen {
  readonly id?: number
  readonly country: string
  readonly change: number
}

interface Noted {
  readonly change: number
  readonly doneAt: number
  /** How long after it a read may still show the version before. */
  readonly allowedMs: number
}

/**
 * Knows which changes are done, and holds every read against them: a read that begins after a change was done must show
 * it; at once if this process made the change, within `maxStaleness` if another one did.
 */
export class Ledger {
  readonly #ofCity = new Map<number, Noted[]>()
  readonly #ofCountry = new Map<string, Noted[]>()
  readonly #censuses = new Map<string, Noted[]>()
  /** Reads that showed a version older than allowed. */
  stale = 0
  /** Reads that did not show a change of another process yet, within what is allowed. */
  late = 0
  /** How far behind the latest of those was. */
  latestMs = 0
  changes = 0

  note({ change, country, city, doneAt }: Change, allowedMs = 0): void {
    const noted = { change, doneAt, allowedMs }
    this.changes++
    add(this.#ofCountry, country, noted)
    if (city === undefined) add(this.#censuses, country, noted)
    else add(this.#ofCity, city, noted)
  }

  /** @param startedAt when the read began */
  judge(startedAt: number, seen: readonly Seen[]): void {
    let behindMs = 0
    let stale = false
    const hold = (change: number, histories: readonly (readonly Noted[] | undefined)[]): void => {
      for (const history of histories) {
        for (const noted of history ?? []) {
          const ageMs = startedAt - noted.doneAt
          if (noted.change <= change || ageMs < 0) continue
          behindMs = Math.max(behindMs, ageMs)
          if (ageMs >= noted.allowedMs) stale = true
        }
      }
    }
    for (const { id, country, change } of seen) {
      hold(
        change,
        id === undefined ? [this.#ofCountry.get(country)] : [this.#ofCity.get(id), this.#censuses.get(country)],
      )
    }
    if (stale) this.stale++
    else if (behindMs > 0) {
      this.late++
      this.latestMs = Math.max(this.latestMs, behindMs)
    }
  }

  /** The cities that were changed one by one. */
  get changedCities(): number[] {
    return [...this.#ofCity.keys()]
  }
}

/** Milliseconds by a clock that all processes of a machine share. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

function add<Key>(histories: Map<Key, Noted[]>, key: Key, noted: Noted): void {
  const history = histories.get(key)
  if (history === undefined) histories.set(key, [noted])
  else history.push(noted)
}
