import { describeThrown } from '../kernel/describe'
import { milliseconds } from '../kernel/duration'
import { type CacheError, cacheError } from '../kernel/errors'
import { versionText } from '../kernel/version'
import { type ErrorFilters, isMeant } from '../policies/error-filter'
import { isNothing, lifeOfResult } from '../policies/negative'
import { decidePolicies, type Policies } from '../policies/policies'
import { checkTags } from './check-tags'
import type { KeepOptions, LoadOptions } from './options'
import type { Kept, Terms } from './tier'

const noTags: readonly string[] = Object.freeze([])

/** What a {@link TermsMaker} works with. */
export interface TermsMakerParts {
  readonly name: string
  readonly ttlMs: number
  readonly ttlJitter: number
  readonly policies: Policies
  readonly reportSkipped: (cache: string, operation: string, error: CacheError) => void
}

/** Makes the terms of a value of what users say to a cache. */
export class TermsMaker<Value> {
  constructor(private readonly parts: TermsMakerParts) {}

  /** @param method opens each message */
  make(options: LoadOptions<Value>, method: string): Terms {
    const { ttl, tags } = options
    if (Array.isArray(tags)) checkTags(tags, `cache '${this.parts.name}'`)
    const where = `${method} of cache '${this.parts.name}'`
    const ttlMs = ttl === undefined ? this.parts.ttlMs : milliseconds(ttl, `\`ttl\` for cache '${this.parts.name}'`)
    const policies = decidePolicies(this.parts.policies, options, ttlMs, where)
    return {
      ttlMs,
      ttlJitter: this.parts.ttlJitter,
      policies,
      ifKept: (value) => this.#ifKept(options, ttlMs, policies, value as Value),
      ifErrorKept: (error) => {
        // What a function would read off a value, nobody can read off an error.
        const its = Array.isArray(tags) ? (tags as readonly string[]) : noTags
        return this.#keepsError(policies.cacheErrors, error) ? its : undefined
      },
      fallback: (error) => this.#fallback(options.fallback, error),
    }
  }

  /** Asks the user's functions; where one fails the value is not kept, and that is reported. */
  #ifKept(
    { tags, version, negative = isNothing }: KeepOptions<Value>,
    ttlMs: number,
    policies: Policies,
    value: Value,
  ): Kept | undefined {
    let asked = 'tags'
    try {
      const named = typeof tags === 'function' ? tags(value) : (tags ?? [])
      checkTags(named, '`tags`')
      asked = 'version'
      const its = version === undefined ? undefined : versionText(version(value))
      asked = 'negative'
      return { tags: named, ttlMs: lifeOfResult(negative(value), ttlMs, policies.negativeTtlMs), version: its }
    } catch (error) {
      this.#skip(asked, 'does not keep a value', error)
      return undefined
    }
  }

  #keepsError(filters: ErrorFilters | undefined, error: unknown): boolean {
    try {
      return filters !== undefined && isMeant(error, filters)
    } catch (failure) {
      this.#skip('cacheErrors', 'does not keep an error', failure)
      return false
    }
  }

  #fallback(fallback: LoadOptions<Value>['fallback'], error: unknown): { readonly value: unknown } | undefined {
    try {
      return fallback === undefined ? undefined : { value: fallback(error) }
    } catch (failure) {
      this.#skip('fallback', 'has no answer instead of an error', failure)
      return undefined
    }
  }

  #skip(option: string, what: string, error: unknown): void {
    const message = `Cache '${this.parts.name}' ${what}: \`${option}\` threw: ${describeThrown(error)}`
    this.parts.reportSkipped(
      this.parts.name,
      `${option} of cache '${this.parts.name}'`,
      cacheError('CW_FUNCTION_FAILED', message, error),
    )
  }
}
