import type { CompleteClock } from '../kernel/clock'
import type { Background } from './background'
import type { Flight } from './flight'

/** What {@link inTime} works with. */
export interface BudgetParts {
  readonly clock: CompleteClock
  readonly background: Background
}

/** What work comes to, or something else if that takes longer; then the work goes on by itself. */
export async function inTime<Result>(
  { clock, background }: BudgetParts,
  work: Promise<Result>,
  withinMs: number,
  otherwise: () => Result,
): Promise<Result> {
  let cancel = (): void => {}
  const late = new Promise<void>((resolve) => {
    cancel = clock.setTimer(resolve, Math.max(0, withinMs))
  }).then(otherwise)
  background.track(work)
  try {
    return await Promise.race([work, late])
  } finally {
    cancel()
  }
}

/** How long a call may still wait for the shared tier: one command's time in all. */
export function budgetOf(parts: { readonly commandTimeoutMs: number }, { sharedMs }: Flight): number {
  return parts.commandTimeoutMs - sharedMs
}
