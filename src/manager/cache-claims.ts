import type { Warnings } from '../kernel/warn'

interface Claim {
  readonly method: WeakRef<object>
  readonly owner: WeakRef<object>
}

/** Which method of which class has a cache that no decorator names. Keeps neither alive. */
export class CacheClaims {
  readonly #claims = new Map<string, Claim>()

  constructor(private readonly warnings: Warnings) {}

  /** Whether the cache is this method's; the first one that asks has it. */
  claim(cache: string, method: object, owner: object): boolean {
    const claim = this.#claims.get(cache)
    const [itsMethod, itsOwner] = [claim?.method.deref(), claim?.owner.deref()]
    if (itsMethod === method && itsOwner === owner) return true
    if (itsMethod !== undefined && itsOwner !== undefined) {
      this.warnings.once(
        'CW_DEFINITION_CONFLICT',
        cache,
        `Two classes (or methods) of one name claim the cache '${cache}'; only the first one's calls are cached. Give both a \`cache\` name.`,
      )
      return false
    }
    this.#claims.set(cache, { method: new WeakRef(method), owner: new WeakRef(owner) })
    return true
  }
}
