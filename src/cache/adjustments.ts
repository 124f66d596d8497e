import type { Entry } from '../kernel/entry'

/** What a method says, while it runs, about the value it is about to return. */
export class Adjustments {
  ttlMs: number | undefined
  staleWhileRevalidateMs: number | undefined
  readonly tags: string[] = []
  validator: string | undefined
  /**
   * Another cache was asked, and the method not called: what that answers with is as old as it is there, and may go there
   * at any moment; kept here as well it would begin a second life.
   */
  isElsewhere = false
  isSkipped = false
  /** The value before, if it has not changed. */
  unmodified: Entry | undefined
  failure: { readonly error: unknown } | undefined

  /** Whether the value carries tags that the operation does not name, so that nobody knew of them when it began. */
  get carriesTags(): boolean {
    return this.tags.length > 0 || (this.unmodified?.tags.length ?? 0) > 0
  }
}
