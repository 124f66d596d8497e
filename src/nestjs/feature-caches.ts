import type { ModulesContainer } from '@nestjs/core'
import { type CacheOptions, type CachingOptions, cacheError } from '../index'

/** The caches that one module of an application names, with the options it gives them. */
export class FeatureCaches {
  readonly options: ReadonlyMap<string, CacheOptions | undefined>

  /** @throws CW_OPTION_INVALID */
  constructor(caches: readonly string[] | Readonly<Record<string, CacheOptions>>) {
    if (typeof caches !== 'object' || caches === null) {
      throw cacheError(
        'CW_OPTION_INVALID',
        `CachingModule.forFeature(): give a list of names of caches, or an object with the options of each, got ${caches === null ? 'null' : typeof caches}.`,
      )
    }
    this.options = new Map(
      Array.isArray(caches)
        ? (caches as readonly string[]).map((name) => [name, undefined])
        : Object.entries(caches as Readonly<Record<string, CacheOptions>>),
    )
  }
}

/**
 * The options of an application's manager: those of `forRoot`, and what its modules say of their own caches.
 *
 * @throws CW_OPTIONS_CONTRADICT where two places give options for one cache
 */
export function withFeatures(options: CachingOptions, modules: ModulesContainer): CachingOptions {
  const caches = new Map<string, CacheOptions>(Object.entries(options.caches ?? {}))
  for (const { providers } of modules.values()) {
    for (const { instance } of providers.values()) {
      if (!(instance instanceof FeatureCaches)) continue
      for (const [name, its] of instance.options) {
        if (its === undefined) continue
        const other = caches.get(name)
        if (other !== undefined && other !== its) {
          throw cacheError(
            'CW_OPTIONS_CONTRADICT',
            `CachingModule.forFeature(): the cache '${name}' is given options in two places of the application. Give them in one, and only the name in the others: forFeature(['${name}']).`,
          )
        }
        caches.set(name, its)
      }
    }
  }
  return { ...options, caches: Object.fromEntries(caches) }
}
