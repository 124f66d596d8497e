/** What a method says, while it runs, about the value it is about to return. */
export class Adjustments {
  ttlMs: number | undefined
  readonly tags: string[] = []
  validator: string | undefined
  /** The method was called for it, rather than another cache asked. */
  isLoaded = false
  isSkipped = false
  isUnmodified = false
  failure: { readonly error: unknown } | undefined
}
