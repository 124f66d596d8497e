import { type CacheManager, describeThrown } from '../index'

/** Options of {@link CachingHealthIndicator.isHealthy}. */
export interface CachingHealthOptions {
  /**
   * Whether the service is down while the shared tier does not answer.
   * @default false: methods are answered without it, and the answer tells
   */
  readonly requireShared?: boolean
}

/** How caching does, as a health check of Terminus shows it. */
export interface CachingHealth {
  readonly status: 'up' | 'down'
  readonly shared: 'none' | 'connected' | 'away'
  /** How long the shared tier took to answer. */
  readonly latencyMs?: number
  /** Evictions that could not reach the shared tier yet; they are sent again until they have. */
  readonly deferredEvictions: number
  /** Why it is not as it should be. */
  readonly message?: string
}

/**
 * A health indicator for `@nestjs/terminus` (11 or later). A shared tier that does not answer is told of, and is no
 * reason to take the service away unless it is said to be: without it everything is answered, only slower.
 *
 * @example
 * ```ts
 * @Get() @HealthCheck()
 * check() { return this.health.check([() => this.caching.isHealthy('cache')]) }
 * ```
 */
export class CachingHealthIndicator {
  readonly #manager: CacheManager

  /** @internal Made by `CachingModule`. */
  constructor(manager: CacheManager) {
    this.#manager = manager
  }

  /** @param key the name of this check in the answer */
  async isHealthy<Key extends string = 'cache'>(
    key: Key = 'cache' as Key,
    { requireShared = false }: CachingHealthOptions = {},
  ): Promise<Record<Key, CachingHealth>> {
    return { [key]: await this.#look(requireShared) } as Record<Key, CachingHealth>
  }

  async #look(requireShared: boolean): Promise<CachingHealth> {
    const { deferredEvictions } = this.#manager.stats()
    if (this.#manager.isClosed) {
      return { status: 'down', shared: 'none', deferredEvictions, message: 'The cache manager is closed.' }
    }
    try {
      const latencyMs = await this.#manager.ping()
      if (latencyMs === undefined) return { status: 'up', shared: 'none', deferredEvictions }
      return { status: 'up', shared: 'connected', latencyMs, deferredEvictions }
    } catch (error) {
      const status = requireShared ? 'down' : 'up'
      return { status, shared: 'away', deferredEvictions, message: describeThrown(error) }
    }
  }
}
