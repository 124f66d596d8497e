import {
  type CacheError,
  cacheError,
  checkOptions,
  optionRules,
  type SharedStore,
  type SharedStoreContext,
  type SharedStoreFactory,
  type Watch,
} from '../index'
import { type Passage, type Trouble, troubled } from './trouble'

/** Options of {@link partitioned}. */
export interface PartitionOptions {
  /**
   * `'refused'`: connections break at once, and nothing can be sent. `'silent'`: nothing is answered, and nobody says why, until
   * each command has taken as long as it may.
   * @default 'refused'
   */
  readonly how?: 'refused' | 'silent'
}

/**
 * A shared tier behind a network that can be cut: nothing arrives, no answer comes back, and the feed says nothing. When the
 * partition ends, what was sent meanwhile is lost, and who listens is told that changes may have been missed. To cut
 * off one process of several, give it alone the partitioned tier.
 *
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN
 *
 * @example
 * ```ts
 * const memory = sharedMemory({ clock })
 * const cable = partitioned(memory)
 * const here = createCacheManager({ clock, shared: cable })
 * const there = createCacheManager({ clock, shared: memory })
 * cable.begin()
 * ```
 */
export function partitioned(factory: SharedStoreFactory, options: PartitionOptions = {}): Trouble {
  checkOptions<PartitionOptions>('partitioned()', options, { how: optionRules.oneOf('refused', 'silent') })
  const { how = 'refused' } = options
  return troubled(factory, {
    name: 'partitioned',
    listen: (context, trouble) => {
      const { listener, onConnected, onCircuit } = context
      const heard = (tell: () => void): void => {
        if (!trouble.isOn) tell()
      }
      return {
        ...context,
        onConnected: (isSameServer) => heard(() => onConnected(isSameServer)),
        onCircuit: (server, isOpen) => heard(() => onCircuit(server, isOpen)),
        listener: {
          invalidated: (keys) => heard(() => listener.invalidated(keys)),
          gap: () => heard(() => listener.gap()),
        },
      }
    },
    passage: ({ context, store, trouble }) => new Cable(factory.name, how, context, store, trouble),
  })
}

/** The network between one process and the tier. */
class Cable implements Passage {
  #session: Session
  #pending = new Set<(error: CacheError) => void>()

  constructor(
    private readonly tier: string,
    private readonly how: 'refused' | 'silent',
    private readonly context: SharedStoreContext,
    private readonly store: SharedStore,
    private readonly trouble: Trouble,
  ) {
    this.#session = new Session(context)
  }

  pass<Answer>(command: () => Promise<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const lost = (error: CacheError): void => {
        this.#pending.delete(lost)
        reject(error)
      }
      this.#pending.add(lost)
      if (this.trouble.isOn) {
        if (this.how === 'refused') lost(this.#away())
        return
      }
      const session = this.#session
      const answered = (settle: () => void): void => {
        // What is answered after the cut does not come through.
        if (session !== this.#session || this.trouble.isOn) return
        this.#pending.delete(lost)
        settle()
      }
      command().then(
        (answer) => answered(() => resolve(answer)),
        (error: unknown) => answered(() => reject(error as Error)),
      )
    })
  }

  watch(watch: Watch | undefined): Watch | undefined {
    return watch && this.#session.watch(watch)
  }

  changed(isOn: boolean): void {
    if (isOn) {
      this.#session.cut()
      if (this.how === 'silent') return
      this.#session.end()
      this.#giveUp()
      return
    }
    this.#session.end()
    this.#session = new Session(this.context)
    this.#giveUp()
    this.context.listener.gap()
    this.store.connect().then(
      () => this.context.onConnected(true),
      () => {},
    )
  }

  #giveUp(): void {
    for (const lost of [...this.#pending]) lost(this.#away())
  }

  #away(): CacheError {
    return cacheError('CW_SHARED_UNAVAILABLE', `${this.tier} cannot be reached: it is cut off (partitioned).`)
  }
}

/** The time between two cuts, and what was promised in it. */
class Session {
  readonly #watches = new WeakMap<Watch, Watch>()
  #cutAt = Number.POSITIVE_INFINITY
  #isOver = false

  constructor(private readonly context: SharedStoreContext) {}

  /** Nothing is heard from now on; who listens need not know. */
  cut(): void {
    this.#cutAt = Math.min(this.#cutAt, this.context.clock.now())
  }

  end(): void {
    this.cut()
    this.#isOver = true
  }

  watch(watch: Watch): Watch {
    const known = this.#watches.get(watch)
    if (known !== undefined) return known
    const [isOver, cutAt] = [() => this.#isOver, () => this.#cutAt]
    const seen: Watch = {
      get isLive() {
        return watch.isLive && !isOver()
      },
      get verifiedAt() {
        return Math.min(watch.verifiedAt, cutAt())
      },
    }
    this.#watches.set(watch, seen)
    return seen
  }
}
