import { type CacheManager, registeredType, type SharedStoreFactory } from 'cachewright'
import {
  type CacheMatchers,
  cacheMatchers,
  codecContract,
  flaky,
  type ManualClock,
  partitioned,
  recordEvents,
  sharedMemory,
  sharedStoreContract,
  slow,
  type Trouble,
  withoutCaching,
} from 'cachewright/testing'

/* What the compiler must accept and refuse of the door for tests. Compiled, never run. */

declare const caching: CacheManager
declare const clock: ManualClock

export function matchers(): Promise<void> {
  expect.extend(cacheMatchers)
  expect(caching).toHaveLoadedTimes(1)
  expect(caching.audit()).toHaveNoFindings(['low-hit-ratio', { kind: 'never-evicted', subject: 's' }])
  // @ts-expect-error: there is no such finding
  expect(caching.audit()).toHaveNoFindings(['high-hit-ratio'])
  // @ts-expect-error: a number of times
  expect(caching).toHaveLoadedTimes('once')
  // @ts-expect-error: there is no such tier
  void expect(() => 1).toBeServedFromCache('redis')
  const promise: Promise<void> = expect(() => 1).not.toBeServedFromCache('shared')
  return promise
}

export function stores(factory: SharedStoreFactory): Trouble {
  const memory = sharedMemory({ clock })
  sharedMemory({ clock: { now: () => 0 } })
  // @ts-expect-error: a clock
  sharedMemory({ clock: 5 })
  // @ts-expect-error: two ways only
  partitioned(memory, { how: 'slow' })
  // @ts-expect-error: a duration
  slow(memory, { delay: '1 second' })
  return flaky(slow(partitioned(factory), { delay: '1s' }), { share: 0.5, seed: 1 })
}

export function contracts(factory: SharedStoreFactory): void {
  sharedStoreContract({ test, store: () => factory, clock })
  sharedStoreContract({ test, store: async () => factory })
  // @ts-expect-error: only a clock that the tests can move
  sharedStoreContract({ test, store: () => factory, clock: { now: () => 0 } })
  // @ts-expect-error: what is tested
  sharedStoreContract({ test })
  codecContract({ test, types: [Date, registeredType(URL)], samples: { a: () => 1 } })
  // @ts-expect-error: functions that make them
  codecContract({ test, types: [], samples: { a: 1 } })
}

export async function scopes(): Promise<void> {
  const sync: number = await withoutCaching(() => 1)
  const later: string = await withoutCaching(async () => 'a')
  // @ts-expect-error: what the work answers
  const wrong: string = await withoutCaching(() => sync)
  const trace = recordEvents(caching, ['miss', 'load'])
  // @ts-expect-error: there is no such event
  recordEvents(caching, ['misses'])
  for (const event of trace.events) if (event.name === 'loadFailure') void event.error
  await clock.advance('5m')
  // @ts-expect-error: a duration
  await clock.advance('5 minutes')
  void [later, wrong]
}

export type ForJestGlobals = CacheMatchers<void | Promise<void>>
