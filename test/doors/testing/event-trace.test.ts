import { cacheError, createCacheManager } from 'cachewright'
import { ManualClock, recordEvents, sharedMemory } from 'cachewright/testing'
import { cacheEventNames } from '../../../src/events/cache-event'
import { EventHub } from '../../../src/events/event-hub'
import { Warnings } from '../../../src/kernel/warn'

const clock = new ManualClock()
const caching = createCacheManager({ clock, shared: sharedMemory({ clock }) })
afterAll(() => caching.close())

test('tells the story of a manager, in its order', async () => {
  const trace = recordEvents(caching)
  const cache = caching.cache('c')
  const load = (value: unknown): Promise<unknown> => cache.getOrLoad('k', async () => value, { tags: () => ['t'] })
  await load(1)
  await load(2)
  await expect(
    cache.getOrLoad('bad', async () => {
      throw new Error('no')
    }),
  ).rejects.toThrow('no')
  await cache.put('k', 3)
  await cache.evict('k')
  await caching.evictTags(['t', 'u'])
  await cache.clear()
  await caching.clear()
  expect(trace.lines).toEqual([
    'miss c k',
    'load c k',
    'hit c k (local)',
    'miss c bad',
    'loadFailure c bad: no',
    'removal c k (replaced)',
    'put c k',
    'evict c k',
    'evict every cache tagged t, u',
    'evict c everything',
    'evict every cache everything',
  ])
  expect(String(trace)).toBe(trace.lines.join('\n'))
  expect(trace.events[0]).toEqual({ name: 'miss', cache: 'c', key: 'k' })
  expect([trace.count('miss'), trace.count('miss', 'c'), trace.count('miss', 'd'), trace.count('shed')]).toEqual([
    2, 2, 0, 0,
  ])
  trace.stop()
})

test('what was recorded stays as it was; it can be forgotten, and come to an end', async () => {
  const trace = recordEvents(caching)
  await caching.cache('c').get('x')
  const { events } = trace
  await caching.cache('c').get('y')
  trace.clear()
  expect([events.length, trace.events.length, String(trace)]).toEqual([1, 0, ''])
  await caching.cache('c').get('x')
  trace.stop()
  trace.stop()
  await caching.cache('c').get('x')
  expect(trace.lines).toEqual(['miss c x'])
})

test('records what it is asked for', async () => {
  const trace = recordEvents(caching, ['put'])
  await caching.cache('c').get('x')
  await caching.cache('c').put('x', 1)
  expect(trace.lines).toEqual(['put c x'])
  trace.stop()
  expect(() => recordEvents(caching, ['puts' as never])).toThrow("There is no event 'puts'")
  expect(() => recordEvents(caching, 'put' as never)).toThrow('must be an array')
})

test('has a line for every event there is', () => {
  const hub = new EventHub(new Warnings())
  const trace = recordEvents(hub as never)
  const error = cacheError('CW_SHARED_TIMEOUT', 'long text')
  const progress = { done: 3, loaded: 2, failed: 1 }
  const parts = {
    ...progress,
    cache: 'c',
    key: 'k',
    tier: 'shared',
    reason: 'slow',
    cause: 'size',
    operation: 'get',
    error,
  }
  for (const name of cacheEventNames)
    hub.emit(name, { ...parts, count: 2, pending: 1, server: 's', state: 'open' } as never)
  expect(trace.lines).toEqual([
    'hit c k (shared)',
    'miss c k',
    'load c k',
    'loadFailure c k: CW_SHARED_TIMEOUT',
    'stale c k (slow)',
    'shed c k',
    'put c k',
    'evict c k',
    'removal c k (size)',
    'superseded c k',
    'refused c k: CW_SHARED_TIMEOUT',
    'skipped c get: CW_SHARED_TIMEOUT',
    'unreadable c k',
    'warm 3 done, 2 loaded, 1 failed',
    'deferred 1',
    'circuit open s',
    'written c 2',
    'writeFailed c 2: CW_SHARED_TIMEOUT',
    'buried c k: CW_SHARED_TIMEOUT',
    'sharedFailure c get: CW_SHARED_TIMEOUT',
  ])
})
