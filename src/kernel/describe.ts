/** What was thrown, as text for a message. Anything can be thrown, also what cannot be shown. */
export function describeThrown(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown)
  } catch {
    return 'something that cannot be shown'
  }
}
