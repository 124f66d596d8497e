import { milliseconds } from '../kernel/duration'
import { cacheError } from '../kernel/errors'
import { checkOptions } from '../kernel/options'
import { classConfig } from '../metadata/decorated-method'
import type { ClassConfig } from '../metadata/operation'
import { classRules, namesOf } from './create-operation'
import { isStandardContext } from './dialect'
import type { CacheConfigOptions } from './options'

/** A decorator of classes in both dialects. */
export type CacheConfigDecorator = <Class extends abstract new (...args: never[]) => object>(
  target: Class,
  context?: ClassDecoratorContext<Class>,
) => void

/**
 * What the operations of a class say where they do not say otherwise, field by field. A subclass inherits it whole, or
 * has its own.
 *
 * @throws (when the class is defined) CW_OPTION_INVALID, CW_OPTION_UNKNOWN, CW_DECORATOR_MISPLACED
 *
 * @example
 * ```ts
 * @CacheConfig({ cache: 'products', ttl: '10m' })
 * class ProductService { … }
 * ```
 */
export function CacheConfig(options: CacheConfigOptions): CacheConfigDecorator {
  return (target, context) => {
    const metadata = isStandardContext(context) ? context.metadata : undefined
    if (typeof target !== 'function' || (context !== undefined && (context as { kind?: string }).kind !== 'class')) {
      throw cacheError('CW_DECORATOR_MISPLACED', '@CacheConfig belongs on a class; methods have their own options.')
    }
    const here = `@CacheConfig of ${target.name}`
    checkOptions(here, options, classRules)
    const config: ClassConfig = Object.freeze({
      caches: namesOf(options.cache),
      ttlMs: options.ttl === undefined ? undefined : milliseconds(options.ttl, `${here}: option \`ttl\``),
      manager: options.manager,
    })
    for (const holder of [target, metadata]) {
      if (holder !== undefined) Object.defineProperty(holder, classConfig, { value: config, configurable: true })
    }
  }
}
