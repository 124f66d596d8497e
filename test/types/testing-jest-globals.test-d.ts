import { expect as itsExpect } from '@jest/globals'
import type { CacheManager } from 'cachewright'
import { type CacheMatchers, cacheMatchers } from 'cachewright/testing'

/* What docs/testing.md says of the `expect` of @jest/globals. Compiled, never run. */

declare module 'expect' {
  interface Matchers<R extends void | Promise<void>, T = unknown> extends CacheMatchers<R> {}
}

declare const caching: CacheManager

export async function matchers(): Promise<void> {
  itsExpect.extend(cacheMatchers)
  itsExpect(caching).toHaveLoadedTimes(1)
  await itsExpect(() => 1).not.toBeServedFromCache('local')
  // @ts-expect-error: a number of times
  itsExpect(caching).toHaveLoadedTimes('once')
}
