/** What a walk does with each object it meets. */
export interface WalkPlan {
  /** Make a copy, rather than work on the object itself. */
  readonly copies: boolean
  /** Make the result read-only. */
  readonly freezes: boolean
}

/** For values that others hold and the cache keeps. */
export const frozenCopy: WalkPlan = { copies: true, freezes: true }

/** For values nobody else holds. */
export const frozenInPlace: WalkPlan = { copies: false, freezes: true }

/** For receivers who want something of their own. */
export const mutableCopy: WalkPlan = { copies: true, freezes: false }
