import { besideFlight, currentFlight, runAboard } from './current-flight'
import type { Flight } from './flight'

// Loads that wait for each other: what a loader starts or joins, its own load cannot end before.

/**
 * Whether waiting for this flight would never end, because the flight itself waits, through any chain of loads, for
 * the load we are running in: an override that calls its decorated `super` method, or two methods that share a key.
 */
export function wouldWaitForItself(flight: Flight): boolean {
  const self = currentFlight()
  if (self === undefined) return false
  const seen = new Set<Flight>()
  const reaches = (from: Flight): boolean => {
    if (from === self) return true
    if (seen.has(from)) return false
    seen.add(from)
    for (const next of from.waitsFor) if (reaches(next)) return true
    return false
  }
  return reaches(flight)
}

/** Notes that the load we are running in, if any, waits for this flight; call what it returns when that is over. */
export function dependOn(flight: Flight): () => void {
  const self = currentFlight()
  if (self === undefined) return () => {}
  self.waitsFor.add(flight)
  flight.awaitedBy.add(self)
  if (self.isInside || isNeededInside(self)) hurry(flight)
  return () => {
    self.waitsFor.delete(flight)
    flight.awaitedBy.delete(self)
  }
}

/**
 * Calls what brings the values of several loads at once: it runs in the first of them, and the others wait for that one.
 * What it says of its value is said of none of them.
 */
export async function loadTogether<Result>(flights: ReadonlySet<Flight>, call: () => Promise<Result>): Promise<Result> {
  const [first, ...others] = flights
  if (first === undefined) return call()
  for (const other of others) {
    other.waitsFor.add(first)
    first.awaitedBy.add(other)
  }
  const { result, leave } = runAboard(first, () => besideFlight(call))
  try {
    return await result
  } finally {
    leave()
    for (const other of others) {
      other.waitsFor.delete(first)
      first.awaitedBy.delete(other)
    }
  }
}

/** Whether a load that holds a place of a bulkhead, of whichever cache, waits for this one: it must not wait for him. */
export function isNeededInside(flight: Flight, seen = new Set<Flight>()): boolean {
  if (seen.has(flight)) return false
  seen.add(flight)
  for (const by of flight.awaitedBy) if (by.isInside || isNeededInside(by, seen)) return true
  return false
}

/** Lets it enter, and all that it waits for. */
function hurry(flight: Flight, seen = new Set<Flight>()): void {
  if (seen.has(flight)) return
  seen.add(flight)
  flight.hurry()
  for (const next of flight.waitsFor) hurry(next, seen)
}
