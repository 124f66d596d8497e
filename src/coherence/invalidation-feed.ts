/** Port: how a process learns that what it holds of the shared tier has changed. */
export interface InvalidationFeed {
  /**
   * Clock reading as of which every change has been told; `-Infinity` while nothing is told. Copies read while the
   * feed was up are good as of then.
   */
  readonly verifiedAt: number
  /**
   * Which feed this is: another number after each interruption, undefined while there is none. What was read under one
   * number is watched only as long as that number stands.
   */
  readonly epoch: number | undefined
}

/** What a feed tells. */
export interface InvalidationListener {
  /** Something happened to these keys of the shared tier. */
  invalidated(keys: readonly string[]): void
  /** Everything may have changed: changes may have been missed, or all keys are gone. */
  gap(): void
}

/** Where there is nobody to tell anything. */
export const noFeed: InvalidationFeed = { verifiedAt: Number.NEGATIVE_INFINITY, epoch: undefined }
