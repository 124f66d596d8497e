import {
  type CompleteClock,
  checkOptions,
  type Duration,
  milliseconds,
  optionRules,
  type SharedStoreFactory,
  type Watch,
} from '../index'
import { type Trouble, troubled } from './trouble'

/** Options of {@link slow}. */
export interface SlowOptions {
  /** How long an answer takes, by the clock of the manager: half of it until the command arrives. @default '100ms' */
  readonly delay?: Duration
}

/**
 * A shared tier far away: each command takes its time to arrive, each answer to come back, and each word of the feed as
 * well. What takes longer than the tier's `commandTimeout` (250 ms) is given up by who waits, and done all the same.
 *
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN
 */
export function slow(factory: SharedStoreFactory, options: SlowOptions = {}): Trouble {
  checkOptions<SlowOptions>('slow()', options, { delay: optionRules.anything })
  const delayMs = milliseconds(options.delay ?? '100ms', 'slow(): option `delay`') / 2
  const underWay = new WeakMap<object, Mail>()
  return troubled(factory, {
    name: 'slow',
    listen(context, trouble) {
      const { listener, clock } = context
      const mail = new Mail(clock)
      underWay.set(context, mail)
      const later = (tell: () => void): void => (trouble.isOn || mail.isUnderWay ? mail.send(tell, delayMs) : tell())
      return {
        ...context,
        listener: {
          invalidated: (keys) => later(() => listener.invalidated(keys)),
          gap: () => later(() => listener.gap()),
        },
      }
    },
    passage({ context, trouble }) {
      const mail = underWay.get(context)!
      const pause = async (): Promise<void> => {
        if (trouble.isOn) await new Promise<void>((resolve) => void context.clock.setTimer(resolve, delayMs))
      }
      return {
        async pass(command) {
          await pause()
          return command().finally(pause)
        },
        watch: (watch) => watch && mail.watch(watch),
        changed: () => {},
      }
    },
  })
}

/** What the feed has said and nobody has heard yet. */
class Mail {
  /** When each was sent, in order. */
  readonly #sent: number[] = []
  readonly #watches = new WeakMap<Watch, Watch>()

  constructor(private readonly clock: CompleteClock) {}

  get isUnderWay(): boolean {
    return this.#sent.length > 0
  }

  send(tell: () => void, delayMs: number): void {
    this.#sent.push(this.clock.now())
    this.clock.setTimer(() => {
      this.#sent.shift()
      tell()
    }, delayMs)
  }

  /** A watch that vouches for nothing that is under way. */
  watch(watch: Watch): Watch {
    const oldest = (): number => this.#sent[0] ?? Number.POSITIVE_INFINITY
    const known = this.#watches.get(watch)
    if (known !== undefined) return known
    const seen: Watch = {
      get isLive() {
        return watch.isLive
      },
      get verifiedAt() {
        // The word was on its way by then.
        return Math.min(watch.verifiedAt, oldest() - 1)
      },
    }
    this.#watches.set(watch, seen)
    return seen
  }
}
