/** How far a warm has come. */
export interface WarmProgress {
  /** Calls that have ended, those that failed too. */
  readonly done: number
  /** Calls for which the method was called and answered; what was fresh, or was loaded by somebody else meanwhile, is not counted. */
  readonly loaded: number
  /** Calls that failed. */
  readonly failed: number
  /**
   * So many from the beginning have ended without a gap: what another run may leave out. Never more than `done`, since
   * calls do not end in the order in which they began.
   */
  readonly position: number
  /** How many there are; undefined where that is not known before the end, as of a generator. */
  readonly total: number | undefined
}
