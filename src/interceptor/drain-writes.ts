import { cacheError } from '../kernel/errors'
import { classOf } from '../metadata/cache-name'
import type { Operation } from '../metadata/operation'
import { declaredIn } from '../metadata/operation-source'
import { planOf } from './install'
import { startDraining } from './write-behind'

/**
 * Lets an object's methods under `@WriteBehind` write what waits in their queues, whoever queued it, until the manager is
 * closed: for worker processes, and at start-up for what was left by a process that ended. Objects whose methods are
 * called do so without it. For each queue a process has one object that does: the first.
 *
 * @throws CW_OPTION_INVALID if no method of the object stands under `@WriteBehind`; CW_NOT_CONFIGURED
 *
 * @example
 * ```ts
 * drainWrites(products)
 * ```
 */
export function drainWrites(service: object): void {
  const owner = classOf(service)
  let isStarted = false
  for (const name of owner === undefined ? [] : namesIn(service)) {
    // Wherever it stands, and whoever's function stands before it.
    const method = declaredIn(owner!, name, service === owner).find(({ operations }) => operations.some(isBehind))
    const { behind } = method === undefined ? {} : planOf(method, service)
    if (behind === undefined) continue
    isStarted = true
    startDraining(behind, method!, service)
  }
  if (isStarted) return
  throw cacheError(
    'CW_OPTION_INVALID',
    `drainWrites(): ${owner?.name || 'the object'} has no method under @WriteBehind. Give an object of the class, or the class for a static method.`,
  )
}

function isBehind({ behind }: Operation): boolean {
  return behind !== undefined
}

/** What an object and all that it inherits from have names for. */
function namesIn(service: object): ReadonlySet<PropertyKey> {
  const names = new Set<PropertyKey>()
  for (let home: unknown = service; home !== null && home !== Object.prototype; home = Object.getPrototypeOf(home)) {
    for (const name of Reflect.ownKeys(home as object)) names.add(name)
  }
  return names
}
