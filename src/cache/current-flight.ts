import { AsyncScope } from '../kernel/async-scope'
import type { Flight } from './flight'

/** The load that code runs for. */
interface Aboard {
  /** Emptied when it has landed: what a method leaves running belongs to no load, and must not keep one. */
  readonly ticket: { flight: Flight | undefined }
  /** A method that is called in a load, but past the cache: the load is none of its business. */
  readonly isBeside: boolean
}

// Which load the running code belongs to. A load that needs its own result would wait for itself for ever; see `wouldWaitForItself`.
const current = new AsyncScope<Aboard>()

/** Calls `run` as part of a load; what comes back beside its result is to be called when the load has landed. */
export function runAboard<Result>(
  flight: Flight,
  run: (flight: Flight) => Result,
): { readonly result: Result; readonly leave: () => void } {
  const ticket: Aboard['ticket'] = { flight }
  const { result, leave } = current.enter({ ticket, isBeside: false }, () => run(flight))
  return {
    result,
    leave: () => {
      ticket.flight = undefined
      leave()
    },
  }
}

/** The load that the running code belongs to. */
export function currentFlight(): Flight | undefined {
  return current.get()?.ticket.flight
}

/** Calls a method whose result is not the value of the load that the call is made in. */
export function besideFlight<Result>(call: () => Result): Result {
  const aboard = current.get()
  return aboard?.ticket.flight === undefined ? call() : current.within({ ticket: aboard.ticket, isBeside: true }, call)
}

/** The load whose value the running code makes. */
export function flightServed(): Flight | undefined {
  const aboard = current.get()
  return aboard?.isBeside ? undefined : aboard?.ticket.flight
}
