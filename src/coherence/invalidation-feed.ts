/**
 * The promise of one server to tell of changes of what was read from it. It lasts until the way by which it tells is
 * interrupted; what is promised after that is another watch.
 */
export interface Watch {
  /** Clock reading as of which every change has been told; stands still once the watch has ended. */
  readonly verifiedAt: number
  /** Whether it still lasts. */
  readonly isLive: boolean
}

/** What the watches of servers tell. */
export interface InvalidationListener {
  /** Something happened to these keys of the shared tier. */
  invalidated(keys: readonly string[]): void
  /** Everything may have changed: changes may have been missed, or all keys are gone. */
  gap(): void
}

/** One watch for what several servers have to watch; undefined unless all of them do. */
export function joinWatches(watches: readonly (Watch | undefined)[]): Watch | undefined {
  const [first, ...others] = new Set(watches)
  if (first === undefined || others.includes(undefined)) return undefined
  return others.length === 0 ? first : new JoinedWatch([first, ...(others as Watch[])])
}

class JoinedWatch implements Watch {
  constructor(private readonly watches: readonly Watch[]) {}

  get verifiedAt(): number {
    return Math.min(...this.watches.map(({ verifiedAt }) => verifiedAt))
  }

  get isLive(): boolean {
    return this.watches.every(({ isLive }) => isLive)
  }
}
