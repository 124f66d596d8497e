import { cacheError } from '../kernel/errors'
import type { CacheManager } from './cache-manager'

// Raised whenever what the interceptor uses of a manager changes shape: two copies of this package in one process, of
// different versions even, work together as long as they agree on it.
const protocol = 1

// Symbol.for: every copy of the package looks in the same place.
const slot: unique symbol = Symbol.for('cachewright.configured') as never
const boundManager: unique symbol = Symbol.for('cachewright.manager') as never

interface Pointer {
  readonly protocol: number
  readonly manager: CacheManager
}

interface Bound {
  readonly [boundManager]?: Pointer
}

const processWide = globalThis as { [slot]?: Pointer }

/** Makes this the manager of every decorated method that is not told another one. */
export function setConfigured(manager: CacheManager): void {
  const former = processWide[slot]?.manager
  if (former !== undefined && !former.isClosed) {
    process.emitWarning(
      'configureCaching() was called again while an earlier manager is still open; decorated methods use the new one. Close the earlier one, or use createCacheManager() for a second.',
      { type: 'CachewrightWarning', code: 'CW_OPTIONS_CONTRADICT' },
    )
  }
  processWide[slot] = { protocol, manager }
}

export function isConfigured(manager: object): boolean {
  return processWide[slot]?.manager === manager
}

/** @throws CW_NOT_CONFIGURED, CW_VERSION_MISMATCH */
export function configuredManager(caller: { readonly where: string }): CacheManager {
  const pointer = processWide[slot]
  if (pointer !== undefined) return agreed(pointer, caller)
  throw cacheError(
    'CW_NOT_CONFIGURED',
    `${caller.where} is cached, but no cache manager is configured. Add this line where your service starts, before the first call:\n\n    import { configureCaching } from 'cachewright'\n    const caching = configureCaching()\n`,
  )
}

/** The manager an object is bound to, if it is. @throws CW_VERSION_MISMATCH */
export function managerBoundTo(target: unknown, caller: { readonly where: string }): CacheManager | undefined {
  if ((typeof target !== 'object' || target === null) && typeof target !== 'function') return undefined
  const pointer = (target as Bound)[boundManager]
  return pointer === undefined ? undefined : agreed(pointer, caller)
}

export function bindTo(target: object, manager: CacheManager): void {
  if ((typeof target !== 'object' && typeof target !== 'function') || target === null || !Object.isExtensible(target)) {
    throw cacheError('CW_OPTION_INVALID', 'bind() takes an object that is not frozen: the binding is a property of it.')
  }
  const pointer: Pointer = { protocol, manager }
  Object.defineProperty(target, boundManager, { value: pointer, configurable: true })
}

function agreed(pointer: Pointer, caller: { readonly where: string }): CacheManager {
  if (pointer.protocol === protocol) return pointer.manager
  throw cacheError(
    'CW_VERSION_MISMATCH',
    `${caller.where}: two versions of cachewright are loaded in this process and do not understand each other (protocol ${protocol} here, ${pointer.protocol} in the copy that configured caching). Install one version: npm ls cachewright shows where both come from.`,
  )
}
