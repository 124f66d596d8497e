import type { CompleteClock } from '../kernel/clock'
import type { Flight } from './flight'
import { dependOn } from './flight-chain'
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
  const endsAt = (moment: number, how: Impatience, onEnd: () => void): void => {
    if (moment === Number.POSITIVE_INFINITY) return
    ends.push(
      new Promise((resolve) => {
        const end = (): void => {
          onEnd()
          resolve(how)
        }
        undo.push(clock.setTimer(end, moment - clock.now()))
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
  endsAt(deadline, 'late', () => void flight.waiters--)
  // Who has another answer does not leave the load: it goes on, and what it brings is kept.
  if (softAt !== Number.POSITIVE_INFINITY) {
    ends.push(
      new Promise((resolve) => {
        const look = (): void => void (hasOther() && resolve('slow'))
        const soften = (): void => {
          // The shared tier may have it, and not have answered yet.
          flight.hopeful.add(look)
          look()
        }
        undo.push(clock.setTimer(soften, softAt - clock.now()), () => flight.hopeful.delete(look))
      }),
    )
  }
  endsAt(hardAt, 'timeout', () => {})
  try {
    return await Promise.race([flight.promise, ...ends])
  } finally {
    for (const it of undo) it()
  }
}
