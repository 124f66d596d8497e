/** How long a value lives that says there is nothing: shorter, where that is wanted. */
export function lifeOfResult(isNegative: boolean, ttlMs: number, negativeTtlMs: number | undefined): number {
  return isNegative && negativeTtlMs !== undefined ? Math.min(ttlMs, negativeTtlMs) : ttlMs
}

/** Whether a result says that there is nothing, unless the user knows better. */
export function isNothing(result: unknown): boolean {
  return result === null || result === undefined
}
