import { Random } from '../../test/chaos/random'
import { load } from './terms'

/** One call of the load: which key, and when, from the start of the run. */
export interface Request {
  readonly key: string
  readonly dueMs: number
}

/** Every key once, for a start with a warm cache. */
export const everyKey: readonly string[] = Array.from({ length: load.keys }, (_, rank) => `p${rank}`)

/** Requests at a constant rate: few keys often, many seldom; the same seed, the same requests. */
export function requests(seed: number, lastsMs: number): readonly Request[] {
  const random = Random.of(seed)
  const upTo: number[] = []
  let total = 0
  for (let rank = 0; rank < load.keys; rank++) {
    total += 1 / (rank + 1)
    upTo.push(total)
  }
  return Array.from({ length: Math.floor((lastsMs * load.perSecond) / 1_000) }, (_, at) => {
    const drawn = random.next() * total
    const rank = upTo.findIndex((sum) => drawn < sum)
    return { key: everyKey[rank]!, dueMs: (at * 1_000) / load.perSecond }
  })
}
