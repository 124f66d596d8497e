import type { CompleteClock } from '../kernel/clock'
import { dependOn, type Flight } from './flight'
import type { Loaded } from './tier'

/** How long one caller waits for a load; clock readings, `Infinity` where there is no such end. */
export interface Patience {
  /** The caller's own signal; when all callers have left by theirs, the load is cancelled. */
  readonly signal: AbortSignal | undefined
  /** When the load is taken to hang. */
  readonly deadline: number
  /** When the caller takes another answer if there is one. */
  readonly softAt: number
  readonly hasOther: () => boolean
  /** When the caller waits no longer, whatever there is. */
  readonly hardAt: number
  /** Called when nobody waits for the load any more. */
  readonly onDeserted: (reason: unknown) => void
}

/** How a wait ended, other than with what was waited for. */
export type Impatience = 'late' | 'slow' | 'timeout'

/** Waits for a flight as long as this caller does. @throws what the load throws, or the reason of the caller's signal */
export async function waitFor(flight: Flight, clock: CompleteClock, patience: Patience): Promise<Loaded | Impatience> {
  const { signal, deadline, softAt, hasOther, hardAt, onDeserted } = patience
  // It is known to be slow already.
  if (softAt <= clock.now() && hasOther()) return 'slow'
  flight.waiters++
  const done = dependOn(flight)
  const isEndless = Math.min(deadline, softAt, hardAt) === Number.POSITIVE_INFINITY
  if (signal === undefined && isEndless) return flight.promise.finally(done)
  const undo = [done]
  const ends: Promise<Impatience>[] = []
  const endsAt = (moment: number, how: Impatience, mayEnd: () => boolean): void => {
    if (moment === Number.POSITIVE_INFINITY) return
    ends.push(
      new Promise((resolve) => {
        undo.push(clock.setTimer(() => mayEnd() && resolve(how), moment - clock.now()))
      }),
    )
  }
  if (signal !== undefined) {
    ends.push(
      new Promise((_, reject) => {
        const leave = (): void => {
          if (--flight.waiters === 0) onDeserted(signal.reason)
          reject(signal.reason)
        }
        signal.addEventListener('abort', leave, { once: true })
        undo.push(() => signal.removeEventListener('abort', leave))
      }),
    )
  }
  endsAt(deadline, 'late', () => {
    flight.waiters--
    return true
  })
  // Who has another answer does not leave the load: it goes on, and what it brings is kept.
  endsAt(softAt, 'slow', hasOther)
  endsAt(hardAt, 'timeout', () => true)
  try {
    return await Promise.race([flight.promise, ...ends])
  } finally {
    for (const it of undo) it()
  }
}
