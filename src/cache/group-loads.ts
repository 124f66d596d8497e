import type { Background } from './background'
import type { Flight, LandedOrNot } from './flight'
import type { FlightRegistry } from './flight-registry'
import type { Admission, GroupFilling, SharedGroup } from './shared-group'
import type { SourceTier } from './source-tier'
import type { Loaded } from './tier'

/** What {@link GroupLoads} work with. */
export interface GroupLoadsParts {
  readonly source: SourceTier
  /** Undefined where there is no shared tier. */
  readonly shared: SharedGroup | undefined
  readonly flights: FlightRegistry
  readonly background: Background
  /** Takes a load through the tiers by itself. */
  readonly fly: (flight: Flight) => Promise<Loaded>
  /** Keeps in the local tier what a load brought. */
  readonly keep: (flight: Flight, loaded: Loaded) => void
}

// A script for more would keep a server from answering others for too long.
const mostAtOnce = 1_000

/**
 * The loads of many keys that nobody has, each of them a flight like any other (it is joined, revoked and superseded by
 * itself), though they go through the tiers together: a promise for each step and key would cost more than the rest.
 *
 * Only for loads that no caller can cancel, and that are not part of another load. Those whose lease is not granted go on
 * alone.
 */
export class GroupLoads {
  constructor(private readonly parts: GroupLoadsParts) {}

  /** Runs these loads, which others may join already; resolves when each is over or goes on alone. */
  async run(flights: readonly Flight[]): Promise<void> {
    const { shared, background } = this.parts
    if (flights.length === 0) return
    if (shared === undefined) return background.follow(this.#load(flights))
    await Promise.all(
      shared.byServer(flights).map(async (group) => {
        // One command after the other: the last of many at once would wait longer than a command may.
        const inTurn = oneByOne()
        await Promise.all(parted(group).map((its) => background.follow(this.#runShared(its, shared, inTurn))))
      }),
    )
  }

  async #runShared(flights: readonly Flight[], shared: SharedGroup, inTurn: InTurn): Promise<void> {
    const { fly } = this.parts
    let admissions: readonly Admission[]
    try {
      admissions = await inTurn(() => shared.admit(flights))
    } catch (error) {
      for (const flight of flights) this.#land(flight, { error })
      return
    }
    const of = (admission: Admission): readonly Flight[] =>
      flights.filter((_, index) => admissions[index] === admission)
    for (const flight of of('alone')) {
      this.parts.flights.run(flight, (its) => fly(its).finally(() => its.request.decided?.()))
    }
    await Promise.all([this.#load(of('lease'), inTurn), this.#load(of('neither'))])
  }

  /**
   * Has them loaded with what others enroll; resolves when they are over.
   *
   * @param inTurn how those that hold leases are filled
   */
  #load(flights: readonly Flight[], inTurn?: InTurn): Promise<void> {
    const { source, shared } = this.parts
    if (flights.length === 0) return Promise.resolve()
    const held = new Set(flights)
    const stop = inTurn !== undefined ? shared!.hold(held) : () => {}
    return new Promise((resolve) => {
      let left = flights.length
      // The values of one call arrive in one turn.
      let arrived: Arrival[] = []
      const arrive = (its: Arrival): void => {
        held.delete(its.flight)
        if (held.size === 0) stop()
        arrived.push(its)
        if (arrived.length > 1) return
        queueMicrotask(() => {
          const all = arrived
          arrived = []
          void this.#arrived(all, inTurn).then(() => {
            left -= all.length
            if (left === 0) resolve()
          })
        })
      }
      for (const flight of flights) {
        const enroll = (): void => {
          const startedAt = source.begin(flight)
          flight.request.together!.enroll(
            flight,
            source.insideOf(flight),
            (value) => arrive({ flight, land: () => source.returned(flight, value, startedAt) }),
            (error) => arrive({ flight, land: () => source.failed(flight, error, startedAt) }),
          )
          flight.request.decided?.()
        }
        const pending = source.pendingOf(flight)
        if (pending === undefined) enroll()
        else {
          const askedAt = flight.startedAt
          void pending.then((its) => {
            if (its?.found) arrive({ flight, land: () => source.made(flight, its.value, askedAt) })
            else enroll()
          })
        }
      }
    })
  }

  async #arrived(arrivals: readonly Arrival[], inTurn: InTurn | undefined): Promise<void> {
    const { shared } = this.parts
    const isLeased = inTurn !== undefined
    const fillings: GroupFilling[] = []
    for (const { flight, land } of arrivals) {
      this.#landing(flight, isLeased, () => {
        const loaded = land()
        const bytes = isLeased ? shared!.bytesOf(loaded, flight) : undefined
        if (bytes === undefined) return loaded
        fillings.push({ flight, entry: loaded.entry!, bytes, value: loaded.value })
        return undefined
      })
    }
    if (fillings.length === 0) return
    try {
      const all = await inTurn!(() => shared!.fill(fillings))
      for (const [index, loaded] of all.entries()) this.#landing(fillings[index]!.flight, false, () => loaded)
    } catch (error) {
      for (const { flight } of fillings) this.#land(flight, { error })
    }
  }

  /** Lands a load with what is made of it, if there is an end of it yet. */
  #landing(flight: Flight, isLeased: boolean, make: () => Loaded | undefined): void {
    const { shared, keep } = this.parts
    try {
      const loaded = make()
      if (loaded === undefined) return
      keep(flight, loaded)
      this.#land(flight, { loaded })
    } catch (error) {
      this.#land(flight, { error })
    }
    if (isLeased) shared!.giveBack(flight)
  }

  #land(flight: Flight, end: LandedOrNot): void {
    flight.isGrouped = true
    this.parts.flights.land(flight, end)
    flight.request.decided?.()
  }
}

/** Does one thing when the one before it is done. */
type InTurn = <Result>(act: () => Promise<Result>) => Promise<Result>

function oneByOne(): InTurn {
  let last: Promise<unknown> = Promise.resolve()
  return (act) => {
    const its = last.then(act)
    last = its.catch(() => {})
    return its
  }
}

function parted(flights: readonly Flight[]): readonly (readonly Flight[])[] {
  if (flights.length <= mostAtOnce) return [flights]
  const parts: (readonly Flight[])[] = []
  for (let from = 0; from < flights.length; from += mostAtOnce) parts.push(flights.slice(from, from + mostAtOnce))
  return parts
}

/** A load whose value, or failure, is here. */
interface Arrival {
  readonly flight: Flight
  readonly land: () => Loaded
}
