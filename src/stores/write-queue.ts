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
   * of the older write, and of one that was buried. It is accepted and forgotten if that has a newer version.
   *
   * @param maxPending how many keys may wait
   */
  offer(writes: readonly QueuedWrite[], maxPending: number): Promise<Offered>
  /**
   * What waits for these keys, or is being made, in their order; null where there is nothing. It may answer for fewer keys,
   * from the first on, since what a queue hands out at once is bounded.
   */
  find(keys: readonly string[]): Promise<(Buffer | null)[]>
  /**
   * The oldest writes, for this worker, which then holds the queue; undefined while another one does. Where there are none
   * it is let go of. There may be fewer than `most`, since what a queue hands out at once is bounded in bytes too.
   *
   * @param behind passes over what stands before this write, and the write itself; the queue is then held in any case
   */
  take(worker: string, most: number, holdMs: number, behind?: TakenWrite): Promise<readonly TakenWrite[] | undefined>
  /** Goes on holding the queue; false if this worker does not any more. */
  hold(worker: string, holdMs: number): Promise<boolean>
  /** Lets others hold the queue. */
  leave(worker: string): Promise<void>
  /** These were made. What was accepted for their keys since then still waits. */
  settle(writes: readonly TakenWrite[]): Promise<void>
  /** Counts one more failure of each of these; resolves to how many each has had. What waits no more is not counted. */
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

/** What became of writes that were offered. */
export interface Offered {
  /** How many were accepted, from the first on. */
  readonly accepted: number
  /** Which of these were forgotten at once, since a newer version waits. */
  readonly overtaken: readonly number[]
}

/** A write to be made. */
export interface QueuedWrite {
  readonly key: string
  readonly bytes: Buffer
  /** A text that sorts as versions do; undefined where none is told. */
  readonly version?: string | undefined
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
