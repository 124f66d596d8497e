import type { Rule } from './options'

/**
 * Where time comes from. Give a manager another clock to test a service without waiting.
 *
 * Only differences between two readings are ever used, so any monotonic count of milliseconds will do.
 */
export interface Clock {
  /** Milliseconds since some fixed moment; never runs backwards. */
  now(): number
  /** Calls back once after `delayMs`; what it returns cancels that. @default timers of the system that keep no process alive */
  setTimer?(callback: () => void, delayMs: number): () => void
}

/** What a clock given as an option must have. */
export const clockRule: Rule = {
  text: 'an object with `now()`, and `setTimer()` if it has one',
  allows: (value) => {
    const clock = value as Partial<Clock> | null | undefined
    return typeof clock?.now === 'function' && (clock.setTimer === undefined || typeof clock.setTimer === 'function')
  },
}

/** A {@link Clock} with every part present. */
export type CompleteClock = Required<Clock>

// A timer of Node takes a signed 32-bit delay and fires at once above it; longer waits are walked in steps.
const longestTimer = 2 ** 31 - 1

/** The machine's monotonic clock. */
export const systemClock: CompleteClock = {
  now: () => performance.now(),
  setTimer(callback, delayMs) {
    let timer: NodeJS.Timeout
    const arm = (remaining: number): void => {
      const step = Math.min(remaining, longestTimer)
      timer = setTimeout(() => (remaining > step ? arm(remaining - step) : callback()), step)
      timer.unref()
    }
    if (delayMs === Number.POSITIVE_INFINITY) return () => {}
    arm(Math.max(0, delayMs))
    return () => clearTimeout(timer)
  },
}

/** Keeps the process alive, which timers of a clock do not, until what this returns is called. */
export function keepProcess(): () => void {
  const timer = setInterval(() => {}, longestTimer)
  return () => clearInterval(timer)
}

/** Fills in what a given clock leaves out. */
export function completeClock(clock: Clock | undefined): CompleteClock {
  if (clock === undefined) return systemClock
  return {
    now: () => clock.now(),
    setTimer: (callback, delayMs) => (clock.setTimer ?? systemClock.setTimer).call(clock, callback, delayMs),
  }
}

// A loop that does nothing but read looks at the clock so often, too.
const mostReads = 16

/**
 * Readings of a clock that are made once in a turn of the event loop, and after sixteen of them: for what may be late by
 * that, such as the end of a life in a process that is the only one. Reading the machine's clock costs as much as finding
 * an entry; one that was given is asked each time.
 */
export function coarseNow(clock: CompleteClock): () => number {
  if (clock !== systemClock) return clock.now
  let reading = 0
  let left = 0
  let isWatched = false
  const nextTurn = (): void => {
    isWatched = false
    left = 0
  }
  return () => {
    if (left-- > 0) return reading
    if (!isWatched) {
      isWatched = true
      setImmediate(nextTurn).unref()
    }
    left = mostReads - 1
    reading = clock.now()
    return reading
  }
}

/** The wall clock in milliseconds since 1970, for what leaves the process when no server's time is known. */
export function wallTime(): number {
  return Date.now()
}

/** A number in [0, 1), for jitter. */
export function random(): number {
  return Math.random()
}
