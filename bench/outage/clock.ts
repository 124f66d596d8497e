/** Milliseconds since 1970 in fractions, the same for all processes of the machine. */
export const now = (): number => performance.timeOrigin + performance.now()

/** Resolves when that moment has come, up to a millisecond or so late. */
export async function until(moment: number): Promise<void> {
  const early = moment - now()
  if (early > 0) await new Promise((resolve) => setTimeout(resolve, early))
}
