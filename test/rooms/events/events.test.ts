import { channel } from 'node:diagnostics_channel'
import {
  Cacheable,
  type CacheEventName,
  type CacheEvents,
  type CacheManager,
  createCacheManager,
  isCacheError,
} from 'cachewright'
import { settle } from 'cachewright/testing'
import { cacheEventNames } from '../../../src/events/cache-event'
import { EventHub } from '../../../src/events/event-hub'
import { warningsDuring } from '../../support/warnings'

let own: CacheManager
const manager = (): CacheManager => own
let now = 0
beforeEach(() => {
  now = 0
  own = createCacheManager({ clock: { now: () => now } })
})
afterEach(() => own.close())
afterEach(() => void jest.restoreAllMocks())

/** One of everything a cache does in memory. */
async function busy(): Promise<void> {
  const cache = own.cache<unknown>('c')
  await cache.getOrLoad('a', () => 1)
  await cache.getOrLoad('a', () => 1)
  await cache.getOrLoad('bad', () => Promise.reject(new Error('no'))).catch(() => {})
  await cache.put('b', 1)
  await cache.evict('b')
  await cache.evictTags(['t'])
  await cache.clear()
}

function listenToAll(log: unknown[]): (() => void)[] {
  return cacheEventNames.map((name) => own.on(name, (event: CacheEvents[CacheEventName]) => log.push([name, event])))
}

describe('events', () => {
  test('tell what happens, in order, with cache and readable key', async () => {
    const log: unknown[] = []
    listenToAll(log)
    await busy()
    const load = { cache: 'c', durationMs: 0 }
    expect(log).toEqual([
      ['miss', { cache: 'c', key: 'a' }],
      ['load', { ...load, key: 'a' }],
      ['hit', { cache: 'c', key: 'a', tier: 'local' }],
      ['miss', { cache: 'c', key: 'bad' }],
      ['loadFailure', { ...load, key: 'bad', error: new Error('no') }],
      ['put', { cache: 'c', key: 'b' }],
      ['evict', { cache: 'c', key: 'b' }],
      ['removal', { cache: 'c', key: 'b', cause: 'explicit' }],
      ['evict', { cache: 'c', tags: ['t'] }],
      ['evict', { cache: 'c' }],
      ['removal', { cache: 'c', key: 'a', cause: 'explicit' }],
    ])
  })

  test('of the manager as a whole name no cache', async () => {
    const log: unknown[] = []
    own.on('evict', (event) => log.push(event))
    await own.evictTags(['t'])
    await own.clear()
    expect(log).toEqual([{ cache: undefined, tags: ['t'] }, { cache: undefined }])
  })

  test('of a value that cannot be kept, and of a function that throws', async () => {
    const log: unknown[] = []
    own.on('refused', ({ error, ...event }) => log.push(['refused', event, isCacheError(error) && error.code]))
    own.on('skipped', ({ error, ...event }) => log.push(['skipped', event, isCacheError(error) && error.code]))
    class Rows {
      @Cacheable({ manager, cache: 'c' })
      async refused(id: string): Promise<unknown> {
        return { id, use: () => {} }
      }

      @Cacheable({
        manager,
        cache: 'c',
        key: () => {
          throw new Error('no')
        },
      })
      async skipped(id: string): Promise<string> {
        return id
      }
    }
    await warningsDuring(async () => {
      expect(await new Rows().refused('1')).toMatchObject({ id: '1' })
      expect(await new Rows().skipped('2')).toBe('2')
    })
    expect(log).toEqual([
      ['refused', { cache: 'c', key: '1' }, 'CW_VALUE_UNSUPPORTED'],
      ['skipped', { cache: 'c', operation: '@Cacheable of Rows.skipped' }, 'CW_FUNCTION_FAILED'],
    ])
  })

  test('are not made when nobody listens', async () => {
    const emit = jest.spyOn(EventHub.prototype, 'emit')
    await busy()
    expect(emit).not.toHaveBeenCalled()
    own.on('hit', () => {})
    await busy()
    expect(emit.mock.calls.map(([name]) => name)).toEqual(['hit'])
  })

  test('of the manager as a whole are not made either', async () => {
    const emit = jest.spyOn(EventHub.prototype, 'emit')
    await own.evictTags(['t'])
    await own.clear()
    expect(emit).not.toHaveBeenCalled()
  })

  test('of one manager are not told to listeners of another', async () => {
    const other = createCacheManager()
    const log: unknown[] = []
    other.on('miss', (event) => log.push(event))
    await own.cache('c').get('k')
    expect(log).toEqual([])
    await other.close()
  })
})

describe('manager.on', () => {
  test.each(['hits', '', 'constructor', '__proto__', 'error', null, Symbol('hit')])('refuses the event %p', (name) => {
    let error: unknown
    try {
      own.on(name as CacheEventName, () => {})
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code: 'CW_OPTION_INVALID' })
    if (typeof name === 'string') expect((error as Error).message).toContain(`'${name}'`)
  })

  test.each([undefined, null, 'log', {}])('refuses the listener %p', (listener) => {
    expect(() => own.on('hit', listener as never)).toThrow(
      expect.objectContaining({ code: 'CW_OPTION_INVALID' }) as Error,
    )
  })

  test('answers with a function that takes the listener off, and only that one', async () => {
    const log: string[] = []
    const off = own.on('miss', () => log.push('one'))
    own.on('miss', () => log.push('two'))
    await own.cache('c').get('k')
    off()
    off()
    await own.cache('c').get('k')
    expect(log).toEqual(['one', 'two', 'two'])
  })

  test('given one function twice, takes off only one registration', async () => {
    let calls = 0
    const listener = (): void => void calls++
    const off = own.on('miss', listener)
    const again = own.on('miss', listener)
    off()
    await own.cache('c').get('k')
    expect(calls).toBe(1)
    again()
    await own.cache('c').get('k')
    expect(calls).toBe(1)
  })

  test('during an event: a listener that takes itself off is called once', async () => {
    let calls = 0
    const off = own.on('miss', () => {
      calls++
      off()
    })
    await own.cache('c').getMany(['k', 'l'])
    expect(calls).toBe(1)
  })

  test('during an event: a listener that adds another does not go on for ever', async () => {
    let calls = 0
    const add = (): void => {
      if (++calls < 50) own.on('miss', () => add())
    }
    own.on('miss', add)
    await own.cache('c').get('k')
    expect(calls).toBe(1)
  })
})

describe('a listener that fails', () => {
  test('breaks neither the call nor the other listeners, and is warned of once', async () => {
    const log: string[] = []
    for (const name of cacheEventNames) {
      own.on(name, () => {
        throw new Error('broken listener')
      })
      own.on(name, () => log.push(name))
    }
    const warnings = await warningsDuring(busy)
    expect(await own.cache('c').getOrLoad('z', () => 'fine')).toBe('fine')
    expect(log).toEqual(expect.arrayContaining(['hit', 'miss', 'load', 'loadFailure', 'put', 'evict', 'removal']))
    expect(warnings.length).toBeGreaterThan(0)
    for (const { code, message } of warnings) {
      expect(code).toBe('CW_FUNCTION_FAILED')
      expect(message).toContain('broken listener')
    }
    expect(new Set(warnings.map(({ message }) => message)).size).toBe(warnings.length)
  })

  test('by throwing something that cannot be shown', async () => {
    own.on('miss', () => {
      throw Object.create(null)
    })
    await warningsDuring(async () => {
      expect(await own.cache('c').getOrLoad('k', () => 1)).toBe(1)
    })
  })

  test('later, because it is async, is nobody’s unhandled rejection', async () => {
    own.on('miss', async () => {
      throw new Error('broken later')
    })
    const warnings = await warningsDuring(async () => {
      expect(await own.cache('c').getOrLoad('k', () => 1)).toBe(1)
      await settle()
    })
    expect(warnings).toMatchObject([{ code: 'CW_FUNCTION_FAILED' }])
  })

  test('or changes the event does not change it for the next listener', async () => {
    const log: string[] = []
    own.on('miss', (event) => {
      try {
        ;(event as { key: string }).key = 'changed'
      } catch {
        // A frozen event says no, which is fine too.
      }
    })
    own.on('miss', ({ key }) => log.push(key))
    await own.cache('c').get('k')
    expect(log).toEqual(['k'])
  })
})

describe('diagnostics_channel', () => {
  test('has every event of every manager as `cachewright:<event>`', async () => {
    const log: unknown[] = []
    const names = ['hit', 'miss', 'load', 'put', 'evict', 'removal'] as const
    const subscriptions = names.map((name) => {
      const subscriber = (message: unknown): void => void log.push([name, message])
      const its = channel(`cachewright:${name}`)
      its.subscribe(subscriber)
      return () => its.unsubscribe(subscriber)
    })
    const other = createCacheManager()
    await own.cache('mine').getOrLoad('a', () => 1)
    await other.cache('theirs').put('b', 1)
    await other.cache('theirs').evict('b')
    for (const unsubscribe of subscriptions) unsubscribe()
    await own.cache('mine').get('a')
    expect(log).toEqual([
      ['miss', { cache: 'mine', key: 'a' }],
      ['load', { cache: 'mine', key: 'a', durationMs: 0 }],
      ['put', { cache: 'theirs', key: 'b' }],
      ['evict', { cache: 'theirs', key: 'b' }],
      ['removal', { cache: 'theirs', key: 'b', cause: 'explicit' }],
    ])
    await other.close()
  })
})
