import { AsyncScope } from '../kernel/async-scope'
import type { StaleReason } from '../kernel/stale-reason'
import { withText } from '../kernel/with-text'
import type { TierName } from './cache-event'

/**
 * What answered a read: a tier; the source, which is the method, or the next of the operation's caches; or its `fallback`.
 */
export type ServedFrom = TierName | 'source' | 'fallback'

/** One read that was answered while somebody detected. */
export interface DetectedRead {
  readonly cache: string
  /** The readable encoding of the key's parts, as in events; behind its partition, if there is one. */
  readonly key: string
  readonly from: ServedFrom
  /**
   * Milliseconds since the source gave the value, or confirmed it (`notModified()`), or it was put; by the clock of the
   * server for what another process kept. Undefined for a fallback, which is made anew each time.
   */
  readonly ageMs: number | undefined
  /** Why the value was served past its life; undefined where it was within it. */
  readonly stale: StaleReason | undefined
}

/** What was read so far, in the order of the answers. */
export interface Detection {
  readonly reads: readonly DetectedRead[]
  /** One line of ASCII that may be the value of a header. */
  toString(): string
}

/** What {@link detect} found. */
export interface Detected<Result> extends Detection {
  readonly result: Result
}

/**
 * Runs some work, such as the handling of a request, and tells which keys served it, from where and how old.
 *
 * Listed is what this work waits for: reads by annotated methods and by `get`, `getMany`, `lookup` and `getOrLoad`, of every
 * manager in the process; those too that a method makes while it is called for such a read. Not listed are what other
 * requests read at the same time, what is loaded anew in the background, a miss that only `get` saw, and calls in
 * which no cache took part. Work that itself detects has a list of its own. What the work started and did not wait for
 * is listed as long as the work runs.
 *
 * @param work is given what was read so far, for headers that leave before the work is over and for work that fails
 * @throws what the work throws
 *
 * @example
 * ```ts
 * const { result, reads } = await detect(() => products.findById('lamp-42'))
 * // reads: [{ cache: 'products', key: 'lamp-42', from: 'local', ageMs: 1200, stale: undefined }]
 * ```
 */
export async function detect<Result>(
  work: (detection: Detection) => Result | Promise<Result>,
): Promise<Detected<Result>> {
  const list = new ReadList()
  detecting.count++
  const { result: working, leave } = lists.enter(list, async () => work(list))
  try {
    const result = await working
    const { reads } = list
    return withText({ result, reads }, () => textOf(reads))
  } finally {
    detecting.count--
    leave()
    list.close()
  }
}

/** How many detect now, in the whole process: all that a hit has to ask where nobody does. */
export const detecting = { count: 0 }

/** Lists a read for whoever detects it. */
export function noteRead(read: DetectedRead): void {
  lists.get()?.add(read)
}

/** Says of the read listed last that its value was past its life. */
export function noteStale(cache: string, key: string, reason: StaleReason): void {
  lists.get()?.amend(cache, key, reason)
}

class ReadList implements Detection {
  readonly #reads: DetectedRead[] = []
  #isOpen = true

  get reads(): readonly DetectedRead[] {
    return Object.freeze([...this.#reads])
  }

  add(read: DetectedRead): void {
    if (this.#isOpen) this.#reads.push(Object.freeze(read))
  }

  amend(cache: string, key: string, stale: StaleReason): void {
    const last = this.#reads.at(-1)
    if (this.#isOpen && last?.cache === cache && last.key === key) {
      this.#reads[this.#reads.length - 1] = Object.freeze({ ...last, stale })
    }
  }

  close(): void {
    this.#isOpen = false
  }

  toString(): string {
    return textOf(this.#reads)
  }
}

const lists = new AsyncScope<ReadList>()

function textOf(reads: readonly DetectedRead[]): string {
  const texts = reads.map(({ cache, key, from, ageMs, stale }) => {
    const age = ageMs === undefined ? '' : `, ${Math.round(ageMs)} ms old`
    return `${cache} ${key}: ${from}${age}${stale === undefined ? '' : `, stale (${stale})`}`
  })
  return texts.join('; ').replace(/[^\x20-\x7e]/gu, asBytes)
}

// Headers take no more than ASCII, and keys and names are anybody's text.
function asBytes(character: string): string {
  return Buffer.from(character)
    .toString('hex')
    .toUpperCase()
    .replace(/../g, (byte) => `%${byte}`)
}
