import type { CompleteClock } from '../kernel/clock'
import type { SharedStore } from '../stores/shared-store'
import type { Background } from './background'
import type { Flight } from './flight'

/** How long a lease lasts unless it is renewed; so long may a holder that died keep others from filling. */
export const leaseMs = 5_000

/** What {@link keepLease} works with. */
export interface LeaseParts {
  readonly store: SharedStore
  readonly clock: CompleteClock
  readonly background: Background
  /** How long others wait for a load. */
  readonly loadDeadlineMs: number
}

/**
 * Renews the lease of a load until the load's deadline, or until the manager closes.
 *
 * @param onHeld told, each time it still stood, when that was asked
 * @returns stops it
 */
export function keepLease(
  { store, clock, background, loadDeadlineMs }: LeaseParts,
  key: string,
  lease: Buffer,
  flight: Flight,
  onHeld: (askedAt: number) => void = () => {},
): () => void {
  let cancel = (): void => {}
  const again = (): void => {
    const askedAt = clock.now()
    // It may hang for ever: others take over when the lease has run out.
    if (askedAt - flight.startedAt >= loadDeadlineMs) return
    background.track(store.renew(key, lease, leaseMs).then((isHeld) => isHeld && onHeld(askedAt)))
    cancel = clock.setTimer(again, leaseMs / 3)
  }
  cancel = clock.setTimer(again, leaseMs / 3)
  return background.untilClosed(() => cancel())
}
