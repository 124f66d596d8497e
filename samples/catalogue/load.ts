import { setTimeout as pause } from 'node:timers/promises'
import type { City, CityService } from './city-service'
import type { CityRecord } from './database'
import { type Change, type Ledger, now, type Seen } from './ledger'

/** What a visitor does: a read, or a change followed by a look at what became of it. */
export type Step =
  | { readonly kind: 'city' | 'rename'; readonly id: number }
  | { readonly kind: 'largest' | 'summary' | 'census'; readonly country: string }
  | { readonly kind: 'search'; readonly country: string; readonly prefix: string }
  | { readonly kind: 'near'; readonly latitude: number; readonly longitude: number }

/** What came of a load. */
export interface Outcome {
  /** Milliseconds each read took. */
  readonly latencies: Float64Array
  readonly changes: number
  readonly wallMs: number
}

const shares: readonly (readonly [Step['kind'], number])[] = [
  ['city', 0.56],
  ['search', 0.13],
  ['largest', 0.12],
  ['near', 0.09],
  ['summary', 0.09],
  ['rename', 0.0095],
  ['census', 0.0005],
]

/** Draws a load: as on any site, a few places get most of the visits (Zipf's law), the large ones. */
export function drawLoad(cities: readonly CityRecord[], count: number, seed: number): Step[] {
  const random = createRandom(seed)
  const visited = createZipf(cities.length, 1.2, random)
  return Array.from({ length: count }, () => {
    const { id, name, country, latitude, longitude } = cities[visited()]!
    const kind = draw(random())
    if (kind === 'city' || kind === 'rename') return { kind, id }
    if (kind === 'search') return { kind, country, prefix: [...name].slice(0, 1 + Math.floor(random() * 3)).join('') }
    if (kind === 'near') return { kind, latitude, longitude }
    return { kind, country }
  })
}

const meanLookMs = 16

/** Lets so many visitors walk through the load at once, each with the next step as soon as the last is done. */
export async function runLoad(
  service: CityService,
  steps: readonly Step[],
  visitors: number,
  ledger: Ledger,
  onChange: (change: Change) => void,
  progress: (steps: number) => void,
): Promise<Outcome> {
  const latencies: number[] = []
  const looks = createRandom(steps.length)
  let next = 0
  let changes = 0

  async function read<Result>(
    query: () => Promise<Result>,
    seen: (result: Result) => readonly Seen[],
  ): Promise<Result> {
    const startedAt = now()
    const result = await query()
    latencies.push(now() - startedAt)
    ledger.judge(startedAt, seen(result))
    return result
  }
  const city = (id: number): Promise<City> =>
    read(
      async () => (await service.byId(id))!,
      (found) => [found],
    )
  const summary = (country: string) =>
    read(
      () => service.summary(country),
      (found) => [found],
    )
  const all = (cities: readonly City[]): readonly Seen[] => cities
  const done = (change: number, country: string, id?: number): void => {
    const noted = { change, country, city: id, doneAt: now() }
    changes++
    ledger.note(noted)
    onChange(noted)
  }

  async function take(step: Step): Promise<unknown> {
    switch (step.kind) {
      case 'city':
        return city(step.id)
      case 'summary':
        return summary(step.country)
      case 'largest':
        return read(() => service.largest(step.country, 20), all)
      case 'search':
        return read(() => service.search(step.country, step.prefix), all)
      case 'near':
        return read(() => service.near(step.latitude, step.longitude), all)
      case 'rename': {
        const before = await city(step.id)
        const [, base, number = '0'] = /^(.*?)(?: \((\d+)\))?$/.exec(before.name)!
        const { change, country, id } = await service.rename(before, `${base} (${Number(number) + 1})`)
        done(change, country, id)
        return city(id)
      }
      case 'census':
        done(await service.census(step.country, 1.01), step.country)
        return summary(step.country)
    }
  }

  async function visit(): Promise<void> {
    for (let step = steps[next++]; step !== undefined; step = steps[next++]) {
      await take(step)
      progress(next)
      // Visitors look at what they got. Without that the fast answers would only bring on more of the slow ones.
      await pause(looks() * 2 * meanLookMs)
    }
  }

  const startedAt = now()
  await Promise.all(Array.from({ length: visitors }, visit))
  return { latencies: Float64Array.from(latencies), changes, wallMs: now() - startedAt }
}

function draw(at: number): Step['kind'] {
  let sum = 0
  for (const [kind, share] of shares) {
    sum += share
    if (at < sum) return kind
  }
  return 'city'
}

/** Ranks from 0, where rank r comes up in proportion to 1 / (r + 1) ^ exponent. */
function createZipf(count: number, exponent: number, random: () => number): () => number {
  const sums = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) {
    sum += 1 / (rank + 1) ** exponent
    sums[rank] = sum
  }
  return () => {
    const wanted = random() * sum
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle]! < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
