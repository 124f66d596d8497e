import { setTimeout as pause } from 'node:timers/promises'

/** How long to wait, and what for. */
export interface EventuallyOptions {
  /** Milliseconds until giving up. @default 5000 */
  readonly within?: number
  /** What is waited for, for the message of a failure. */
  readonly what?: string
}

// A condition is usually true within a few turns of the event loop; only after those is it worth a timer.
const quickTurns = 20

/**
 * Waits until `check` holds, and answers with what it returned. It holds when it returns (or resolves) without throwing,
 * and with anything but `false`.
 */
export async function eventually<T>(check: () => T | Promise<T>, options: EventuallyOptions = {}): Promise<T> {
  const { within = 5000, what = 'the condition' } = options
  const started = performance.now()
  const remaining = (): number => within - (performance.now() - started)
  let last: unknown = 'it has not answered yet'
  let attempts = 0
  do {
    attempts += 1
    try {
      const answer = await withDeadline(check, Math.max(remaining(), 1))
      if (answer !== false) return answer
      last = 'it returned false'
    } catch (error) {
      last = error
    }
    if (attempts <= quickTurns) await new Promise((resolve) => setImmediate(resolve))
    else await pause(Math.min(5, Math.max(remaining(), 0)))
  } while (remaining() > 0)
  const reason = last instanceof Error ? last.message : String(last)
  const failure = new Error(`${what}: not so within ${within} ms (${attempts} attempts); last: ${reason}`, {
    cause: last,
  })
  Error.captureStackTrace(failure, eventually)
  throw failure
}

async function withDeadline<T>(check: () => T | Promise<T>, ms: number): Promise<T> {
  const answer = check()
  if (!(answer instanceof Promise)) return answer
  const stop = new AbortController()
  const late = pause(ms, undefined, { signal: stop.signal }).then(() => {
    throw new Error('the check itself has not settled')
  })
  // The loser of the race may reject later, when nobody looks any more.
  late.catch(() => {})
  answer.catch(() => {})
  try {
    return await Promise.race([answer, late])
  } finally {
    stop.abort()
  }
}

/** Looks again and again for so many milliseconds, and fails as soon as `check` does: for what must not happen meanwhile. */
export async function throughout(ms: number, check: () => void): Promise<void> {
  const until = performance.now() + ms
  while (performance.now() < until) {
    check()
    await pause(10)
  }
  check()
}
