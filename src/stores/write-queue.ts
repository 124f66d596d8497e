/**
 * Port: writes that were accepted and have yet to be made, the newest for each key. Bytes in, bytes out; it knows nothing
 * of methods.
 *
 * Whoever drains it holds it: one worker at a time takes writes, has them made, and settles them. A write that was taken
 * and not settled is taken again, by this worker or the next: each is made at least once, and those of one key in their
 * order. Every method rejects when the queue cannot be reached.
 */
export interface WriteQueue {
  /** Whether what was accepted outlives this process. */
  readonly isDurable: boolean
  /**
   * Accepts writes in their order as long as there is room for their keys; one for a key that waits already takes the place
   * of the older write, and of one that was buried.
   *
   * @param maxPending how many keys may wait
   * @returns how many of the writes were accepted, from the first on
   */
  offer(writes: readonly QueuedWrite[], maxPending: number): Promise<number>
  /** What waits for these keys, or is being made, in their order; null where there is nothing. */
  find(keys: readonly string[]): Promise<(Buffer | null)[]>
  /**
   * The oldest writes, for this worker, which then holds the queue; undefined while another one does. Where there are none
   * it is let go of.
   */
  take(worker: string, most: number, holdMs: number): Promise<readonly TakenWrite[] | undefined>
  /** Goes on holding the queue; false if this worker does not any more. */
  hold(worker: string, holdMs: number): Promise<boolean>
  /** Lets others hold the queue. */
  leave(worker: string): Promise<void>
  /** These were made. What was accepted for their keys since then still waits. */
  settle(writes: readonly TakenWrite[]): Promise<void>
  /** Counts one more failure of each of these; resolves to how many each has had. */
  blame(writes: readonly TakenWrite[]): Promise<readonly number[]>
  /** Gives a write up: it is kept aside, unless a newer one waits for its key. */
  bury(write: TakenWrite, reason: string): Promise<void>
  /** Names what was accepted until now. */
  mark(): Promise<string>
  /** Whether all that was accepted until then was made or given up. */
  isPast(mark: string): Promise<boolean>
  counts(): Promise<QueueCounts>
  /** Writes that were given up, at most so many. */
  buried(most: number): Promise<readonly BuriedWrite[]>
  /** Lets all that was given up wait again, behind the others; resolves to how many those are. */
  revive(): Promise<number>
  /** Forgets all that was given up; resolves to how many those were. */
  discard(): Promise<number>
}

/** A write to be made. */
export interface QueuedWrite {
  readonly key: string
  readonly bytes: Buffer
}

/** A write that a worker has taken. */
export interface TakenWrite extends QueuedWrite {
  /** Tells this write from newer ones of its key. */
  readonly sequence: string
  /** Where it stands in the queue. */
  readonly places: readonly string[]
}

/** A write that was given up. */
export interface BuriedWrite extends QueuedWrite {
  readonly reason: string
}

/** How many keys wait, and how many were given up. */
export interface QueueCounts {
  readonly pending: number
  readonly buried: number
}
