import { type CompleteClock, type SharedFinding, systemClock } from '../index'
import { type Client, evaluate } from './client'
import type { Protocol } from './protocol'

/*
 * A process that tracks tells nobody of its writes, so one that listens to broadcasts must not believe in silence while
 * there is such a process. Each process that tracks notes itself at a key of the prefix before its first command and
 * again now and then; one that listens reads that note with each heartbeat, and trusts as of the last that named none.
 */

/** Longer than a process that writes goes without noting itself; so long after it is gone the others trust again. */
const lifeMs = 120_000
const noteAgainMs = 30_000

/** What the processes of a prefix have noted of their feeds. */
export class FeedNote {
  readonly #protocol: Protocol
  readonly #clock: CompleteClock
  readonly #onMixed: (finding: SharedFinding) => void
  #notedAt = Number.NEGATIVE_INFINITY
  #agreedAt: number
  /** What was found of processes with another feed. */
  finding: SharedFinding | undefined

  constructor(protocol: Protocol, clock: CompleteClock, onMixed: (finding: SharedFinding) => void) {
    this.#protocol = protocol
    this.#clock = clock
    this.#onMixed = onMixed
    // What the server itself tells does not depend on others.
    this.#agreedAt = protocol.feed === 'tracking' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  }

  /** Clock reading as of which nobody was there who tells nothing. */
  get agreedAt(): number {
    return this.#agreedAt
  }

  /** Notes this process where that is due. To be called before other commands; a server that refuses it refuses those. */
  keep(client: Client): void {
    // By the machine's own clock: it is the server that lets the note expire.
    if (systemClock.now() - this.#notedAt > noteAgainMs) this.renew(client).catch(() => {})
  }

  /** Notes this process, and learns what others have noted. */
  async renew(client: Client): Promise<void> {
    const { feed, scripts, feedKey } = this.#protocol
    const askedAt = this.#clock.now()
    this.#notedAt = systemClock.now()
    const noted = await evaluate(client, scripts.noteFeed, [feedKey], [feed, String(lifeMs)])
    const other = noted === null || String(noted) === feed ? undefined : String(noted)
    if (other !== undefined) this.#mixed(other)
    else if (feed === 'broadcast') this.#agreedAt = askedAt
  }

  #mixed(other: string): void {
    if (this.finding !== undefined) return
    const { feed, keyPrefix, feedKey } = this.#protocol
    const effect =
      feed === 'broadcast'
        ? 'Those tell nobody of their writes, so while they are there local copies are served for `maxStaleness` and then asked for again.'
        : 'This process tells them nothing of its writes, so they serve local copies for `maxStaleness` and then ask again.'
    this.finding = {
      subject: 'feed',
      message: `This process has \`feed: '${feed}'\`, and others of the prefix have '${other}' (noted at the key '${keyPrefix}${feedKey}' in the last two minutes). ${effect} Give all processes of a prefix the same \`feed\`.`,
    }
    this.#onMixed(this.finding)
  }
}
