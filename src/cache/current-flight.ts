import { AsyncLocalStorage } from 'node:async_hooks'
import type { Flight } from './flight'

// Which load the running code belongs to. A load that needs its own result would wait for itself for ever; see `wouldWaitForItself`.
// Only by way of what is emptied when it has landed: what a method leaves running belongs to no load, and must not keep one.
const current = new AsyncLocalStorage<{ flight: Flight | undefined }>()

/** Calls `run` as part of a load; what comes back beside its result is to be called when the load has landed. */
export function runAboard<Result>(
  flight: Flight,
  run: (flight: Flight) => Result,
): { readonly result: Result; readonly leave: () => void } {
  const aboard: { flight: Flight | undefined } = { flight }
  const result = current.run(aboard, run, flight)
  const leave = (): void => {
    aboard.flight = undefined
  }
  return { result, leave }
}

/** The load that the running code belongs to. */
export function currentFlight(): Flight | undefined {
  return current.getStore()?.flight
}

// The load that a method was called in, but past the cache: it is none of its business.
const past = new AsyncLocalStorage<{ flight: Flight | undefined }>()

/** Calls a method whose result is not the value of the load that the call is made in. */
export function besideFlight<Result>(call: () => Result): Result {
  const aboard = current.getStore()
  return aboard?.flight === undefined ? call() : past.run(aboard, call)
}

/** The load whose value the running code makes. */
export function flightServed(): Flight | undefined {
  const aboard = current.getStore()
  return aboard === past.getStore() ? undefined : aboard?.flight
}
