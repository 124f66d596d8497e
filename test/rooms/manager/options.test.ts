import {
  CacheManager,
  type CacheOptions,
  type CachingOptions,
  configureCaching,
  createCacheManager,
  isCacheError,
  registeredType,
} from 'cachewright'
import { redis } from 'cachewright/redis'
import { warningsDuring } from '../../support/warnings'

function refusalOf(make: () => unknown) {
  let made: unknown
  try {
    made = make()
  } catch (error) {
    if (isCacheError(error)) return error
    throw error
  }
  if (made instanceof CacheManager) void made.close().catch(() => {})
  throw new Error('it was not refused')
}

/** The options with one of them, however deep, set to a value. */
const withOption = (path: string, value: unknown): CachingOptions => {
  const [last, ...rest] = path.split('.').toReversed() as [string, ...string[]]
  return rest.reduce<object>((inner, name) => ({ [name]: inner }), { [last]: value }) as CachingOptions
}

const bounded = /memory must be bounded.*`maxEntries` or `maxBytes`/
const wrong: readonly (readonly [string, unknown, RegExp])[] = [
  ['prefix', '', /text that is not empty, got ''/],
  ['prefix', 5, /text that is not empty, got 5/],
  ['prefix', null, /got null/],
  ['local', true, /an object or false.*true/],
  ['local', null, /an object/],
  ['local', [], /an array of 0/],
  ['local.maxEntries', 0, /whole number above 0.*0 \(number\)/],
  ['local.maxEntries', -1, /whole number above 0/],
  ['local.maxEntries', 1.5, /whole number above 0/],
  ['local.maxEntries', '100', /whole number above 0.*'100'/],
  ['local.maxEntries', Number.NaN, /whole number above 0/],
  ['local.maxEntries', 2 ** 53, /whole number above 0/],
  ['local.maxEntries', 10n, /whole number above 0/],
  ['local.maxEntries', Number.POSITIVE_INFINITY, bounded],
  ['local.maxBytes', 0, /whole number above 0/],
  ['local.maxBytes', '1MB', /whole number above 0.*'1MB'/],
  ['local.ttl', '1w', /'1w' is not a duration/],
  ['local.ttl', -5, /-5 is not a duration/],
  ['local.isolation', 'clone', /one of 'freeze', 'copy', 'share', got 'clone'/],
  ['shared', {}, /redis\(\{ … \}\)/],
  ['shared', 'redis://localhost', /redis\(\{ … \}\).*'redis:/],
  ['shared', null, /redis\(\{ … \}\)/],
  ['shared', { open: 'now' }, /redis\(\{ … \}\)/],
  ['defaults', null, /an object, got null/],
  ['defaults', [], /an object/],
  ['defaults.ttl', '5 minutes', /'5 minutes' is not a duration/],
  ['defaults.ttl', -1, /-1 is not a duration/],
  ['defaults.ttl', Number.NaN, /NaN is not a duration/],
  ['defaults.ttl', '', /'' is not a duration/],
  ['defaults.ttl', null, /null is not a duration/],
  ['defaults.ttlJitter', 1.01, /a number from 0 to 1/],
  ['defaults.ttlJitter', -0.1, /a number from 0 to 1/],
  ['defaults.ttlJitter', Number.NaN, /a number from 0 to 1/],
  ['defaults.ttlJitter', '10%', /a number from 0 to 1.*'10%'/],
  ['defaults.maxValueBytes', 0, /whole number above 0/],
  ['defaults.maxValueBytes', Number.POSITIVE_INFINITY, /whole number above 0/],
  ['defaults.partition', 'tenant', /a function, got 'tenant'/],
  ['caches', [], /an object/],
  ['caches.products', null, /options must be an object, got null/],
  ['caches.products', '10m', /options must be an object, got '10m'/],
  ['caches.products.ttl', '1w', /'1w' is not a duration/],
  ['caches.products.local', true, /an object or false/],
  ['caches.products.local.maxEntries', 0, /whole number above 0/],
  ['caches.products.local.ttl', 'x', /'x' is not a duration/],
  ['caches.products.partition', null, /a function/],
  ['caches.products.version', '', /a whole number from 0 up, or a text of 1 to 64 characters, got ''/],
  ['caches.products.version', 'x'.repeat(65), /a text of 1 to 64 characters/],
  ['caches.products.version', 1.5, /a whole number from 0 up.*1.5/],
  ['caches.products.version', -1, /a whole number from 0 up/],
  ['caches.products.version', Number.NaN, /a whole number from 0 up/],
  ['caches.products.version', true, /a whole number from 0 up/],
  ['defaults.version', {}, /a whole number from 0 up.*an object/],
  ['maxStaleness', '1 s', /'1 s' is not a duration/],
  ['maxStaleness', -1, /-1 is not a duration/],
  ['clock', null, /now\(\)/],
  ['clock', {}, /now\(\)/],
  ['clock', { now: 5 }, /now\(\)/],
  ['clock', { now: () => 0, setTimer: 5 }, /setTimer/],
  ['types', 'Product', /an array, got 'Product'/],
  ['types', [5], /classes/],
  ['types', [null], /classes/],
  ['types', [{}], /classes/],
]

describe.each([
  ['configureCaching()', configureCaching],
  ['createCacheManager()', createCacheManager],
])('%s', (name, create) => {
  test.each(wrong)('refuses %s: %p', (path, value, rule) => {
    const error = refusalOf(() => create(withOption(path, value)))
    expect(error.code).toBe('CW_OPTION_INVALID')
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toMatch(rule)
  })

  test.each(wrong.filter(([path]) => path !== 'types'))('says where, for %s: %p', (path, value) => {
    const { message } = refusalOf(() => create(withOption(path, value)))
    expect(message).toContain(name)
    const option = path.split('.').at(-1) as string
    expect(message).toContain(option)
    if (path.startsWith('caches.')) expect(message).toContain("'products'")
  })

  test.each([
    ['locl', 'local'],
    ['maxStalenes', 'maxStaleness'],
    ['Prefix', 'prefix'],
    ['cache', 'caches'],
    ['type', 'types'],
    ['default', 'defaults'],
  ])('`%s`: was `%s` meant?', (option, meant) => {
    const error = refusalOf(() => create({ [option]: 1 }))
    expect(error.code).toBe('CW_OPTION_UNKNOWN')
    expect(error.message).toBe(`${name}: there is no option \`${option}\`. Did you mean \`${meant}\`?`)
  })

  test.each([
    ['local.max', 'maxEntries'],
    ['local.maxentries', 'maxEntries'],
    ['defaults.jitter', 'ttlJitter'],
    ['caches.products.tll', 'ttl'],
  ])('an unknown option further down, %s, is one too', (path, meant) => {
    const error = refusalOf(() => create(withOption(path, 1)))
    expect(error.code).toBe('CW_OPTION_UNKNOWN')
    expect(error.message).toContain(`\`${path.split('.').at(-1)}\``)
    expect(error.message).toContain(meant)
  })

  test('an option far from any lists those there are', () => {
    const error = refusalOf(() => create({ elephant: 1 } as CachingOptions))
    expect(error.message).toMatch(
      /Known options: prefix, local, shared, defaults, caches, maxStaleness, clock, types, errorHandler\./,
    )
  })

  test.each([null, 'redis://localhost', 5, []])('options must be an object, not %p', (options) => {
    expect(refusalOf(() => create(options as CachingOptions))).toMatchObject({ code: 'CW_OPTION_INVALID' })
  })

  test.each(['', '  '])("a cache cannot be called '%s'", (empty) => {
    const error = refusalOf(() => create({ caches: { [empty]: {} } }))
    expect(error).toMatchObject({ code: 'CW_OPTION_INVALID' })
    expect(error.message).toMatch(/cache name must be a text that is not empty/)
  })

  test('one that was refused is not configured and holds nothing', async () => {
    refusalOf(() => create({ defaults: { ttl: 'x' } } as unknown as CachingOptions))
    // Nothing is open that this one could be warned of.
    await create().close()
  })
})

describe('what is allowed', () => {
  test.each<[string, CachingOptions]>([
    ['nothing', {}],
    ['undefined everywhere', withOption('local', undefined)],
    ['undefined further down', { local: { maxEntries: undefined }, defaults: { ttl: undefined } } as never],
    ['no local tier', { local: false }],
    ['no local tier, but one for a cache', { local: false, caches: { products: { local: { maxEntries: 5 } } } }],
    ['a byte limit alone', { local: { maxBytes: 1_000_000 } }],
    [
      'a byte limit and any number of entries',
      { local: { maxBytes: 1_000_000, maxEntries: Number.POSITIVE_INFINITY } },
    ],
    ['an entry limit and any number of bytes', { local: { maxEntries: 5, maxBytes: Number.POSITIVE_INFINITY } }],
    ['for ever', { defaults: { ttl: Number.POSITIVE_INFINITY }, maxStaleness: Number.POSITIVE_INFINITY }],
    ['not at all', { defaults: { ttl: 0 }, maxStaleness: 0 }],
    ['whole jitter', { defaults: { ttlJitter: 1 } }],
    ['an odd cache name', { caches: { __proto__: {}, constructor: {}, 'a:b{c}': {} } }],
    ['an odd prefix', { prefix: 'a:b{c} 🐘' }],
  ])('%s', async (_what, options) => {
    const manager = createCacheManager(options)
    const cache = manager.cache('products')
    await cache.put('k', 1)
    await cache.getOrLoad('l', () => 2)
    await manager.close()
  })

  test("fields a cache's `local` leaves out are the manager's, so its limits together bound memory", async () => {
    const local = { maxBytes: 1_000_000 }
    const manager = createCacheManager({
      local,
      caches: { products: { local: { maxEntries: Number.POSITIVE_INFINITY } } },
    })
    await manager.close()
  })
})

describe('memory is bounded', () => {
  test('also where no level alone lifts the limit', () => {
    const error = refusalOf(() =>
      createCacheManager({
        local: { maxEntries: Number.POSITIVE_INFINITY, maxBytes: 1_000_000 },
        caches: { products: { local: { maxBytes: Number.POSITIVE_INFINITY } } },
      }),
    )
    expect(error.message).toMatch(bounded)
  })

  test('and a limit that no array can have is refused where it is given, not by the first call', async () => {
    const manager = () => createCacheManager({ local: { maxEntries: 2 ** 33 } })
    let made: ReturnType<typeof manager> | undefined
    try {
      made = manager()
    } catch (error) {
      expect(isCacheError(error)).toBe(true)
      return
    }
    expect(await made.cache('c').getOrLoad('k', () => 'v')).toBe('v')
    await made.close()
  })
})

describe('option `types`', () => {
  class Money {
    constructor(readonly amount: number) {}
  }
  const Twin = { Money: class Money {} }.Money

  test('two classes of one name', () => {
    expect(refusalOf(() => createCacheManager({ types: [Money, Twin] }))).toMatchObject({
      code: 'CW_OPTION_INVALID',
      message: expect.stringMatching(/'Money' is registered twice/) as string,
    })
  })

  test('a class without a name', () => {
    expect(refusalOf(() => createCacheManager({ types: [class {}] }))).toMatchObject({
      code: 'CW_OPTION_INVALID',
      message: expect.stringMatching(/anonymous class needs a `name`/) as string,
    })
  })

  test('one of two functions', () => {
    expect(
      refusalOf(() => createCacheManager({ types: [registeredType(Money, { encode: (its) => its.amount })] })),
    ).toMatchObject({ code: 'CW_OPTIONS_CONTRADICT', message: expect.stringMatching(/'Money'.*both/) as string })
  })
})

describe('manager.cache()', () => {
  test.each([[''], ['  '], [5], [null], [undefined], [Symbol('c')]])('refuses the name %p', async (name) => {
    const manager = createCacheManager()
    expect(refusalOf(() => manager.cache(name as string))).toMatchObject({ code: 'CW_OPTION_INVALID' })
    await manager.close()
  })

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])("may be called '%s'", async (name) => {
    const manager = createCacheManager({ caches: JSON.parse(`{"${name}":{"ttl":0}}`) as Record<string, CacheOptions> })
    await manager.cache(name).put('k', 1)
    expect(await manager.cache(name).lookup('k')).toEqual({ found: false })
    expect(Object.hasOwn(manager.stats().caches, name)).toBe(true)
    await manager.close()
  })

  test('answers with the same cache for the same name, and counts only caches that are used', async () => {
    const manager = createCacheManager({ caches: { named: {} } })
    expect(manager.cache('c')).toBe(manager.cache('c'))
    expect(Object.keys(manager.stats().caches)).toEqual(['named', 'c'])
    await manager.close()
  })
})

describe('options of the methods of a cache', () => {
  const attempt = async (run: (cache: ReturnType<ReturnType<typeof createCacheManager>['cache']>) => unknown) => {
    const manager = createCacheManager()
    try {
      await run(manager.cache('products'))
    } catch (error) {
      return error
    } finally {
      await manager.close()
    }
    return undefined
  }
  test.each<[string, Parameters<typeof attempt>[0], string, RegExp]>([
    [
      'getOrLoad: ttl',
      (its) => its.getOrLoad('k', () => 1, { ttl: '1w' as never }),
      'CW_OPTION_INVALID',
      /`ttl`.*'1w'/,
    ],
    ['getOrLoad: tags', (its) => its.getOrLoad('k', () => 1, { tags: 't' as never }), 'CW_OPTION_INVALID', /`tags`/],
    ['getOrLoad: [""]', (its) => its.getOrLoad('k', () => 1, { tags: [''] }), 'CW_OPTION_INVALID', /tags must be/],
    [
      'getOrLoad: signal',
      (its) => its.getOrLoad('k', () => 1, { signal: {} as never }),
      'CW_OPTION_INVALID',
      /`signal`/,
    ],
    ['getOrLoad: tll', (its) => its.getOrLoad('k', () => 1, { tll: 1 } as never), 'CW_OPTION_UNKNOWN', /`ttl`/],
    ['put: ttl', (its) => its.put('k', 1, { ttl: -1 }), 'CW_OPTION_INVALID', /`ttl`.*-1/],
    ['put: signal', (its) => its.put('k', 1, { signal: 1 } as never), 'CW_OPTION_UNKNOWN', /`signal`/],
    ['evictTags', (its) => its.evictTags('t' as never), 'CW_OPTION_INVALID', /evictTags.*'products'.*array/],
    ['evictTags, null', (its) => its.evictTags(null as never), 'CW_OPTION_INVALID', /array/],
    ['evictTags, [""]', (its) => its.evictTags(['']), 'CW_OPTION_INVALID', /not empty/],
    ['get', (its) => its.get((() => {}) as never), 'CW_KEY_UNSUPPORTED', /'products'.*function/],
    ['evict', (its) => its.evict(Symbol('k') as never), 'CW_KEY_UNSUPPORTED', /'products'.*symbol/],
  ])('%s', async (_what, run, code, message) => {
    const error = await attempt(run)
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string })
  })
})

describe('a `tags` function of a method of a cache', () => {
  const broken: readonly (readonly [string, () => string[]])[] = [
    [
      'throws',
      () => {
        throw new Error('broken')
      },
    ],
    ['answers with a text', () => 'tag' as never],
    ['answers with nothing', () => undefined as never],
    ['answers with an empty tag', () => ['']],
  ]
  // docs/errors.md: CW_FUNCTION_FAILED is thrown where a method of a cache was called by the user.
  test.each(broken)('that %s: the load is answered, or the error is one of ours', async (_what, tags) => {
    const manager = createCacheManager()
    const cache = manager.cache<string>('c')
    await warningsDuring(async () => {
      const [answer] = await Promise.allSettled([cache.getOrLoad('k', () => 'v', { tags })])
      if (answer.status === 'fulfilled') expect(answer.value).toBe('v')
      else expect(answer.reason).toMatchObject({ code: expect.stringMatching(/^CW_/) as string })
      await Promise.allSettled([cache.put('k', 'v', { tags })]).then(([put]) => {
        if (put.status === 'rejected')
          expect(put.reason).toMatchObject({ code: expect.stringMatching(/^CW_/) as string })
      })
    })
    await manager.close()
  })
})

describe('redis()', () => {
  test.each<[string, unknown, RegExp]>([
    ['nothing', {}, /one of `url`, `options`, `client`, `sentinels` and `cluster`, got none/],
    ['two addresses', { url: 'redis://a', options: {} }, /one of.*got url and options/],
    ['an url that is not set', { url: undefined }, /`url`.*environment variable/],
    ['an empty url', { url: '' }, /`url`/],
    ['a number', { url: 6379 }, /`url`/],
    ['a client that is none', { client: {} }, /`client` must be a client of ioredis/],
    ['no client', { client: null }, /`client`/],
    [
      'a timeout that is no duration',
      { url: 'redis://a', commandTimeout: '5 minutes' },
      /`commandTimeout`.*'5 minutes'/,
    ],
    ['an unknown feed', { url: 'redis://a', feed: 'pubsub' }, /`feed` must be 'tracking' or 'broadcast'.*pubsub/],
    ['a negative timeout', { url: 'redis://a', commandTimeout: -1 }, /`commandTimeout`.*-1/],
    ['no options', undefined, /redis\(\)/],
    ['null', null, /redis\(\)/],
    ['the url itself', 'redis://localhost', /redis\(\).*`url`/],
    ['options that are none', { options: undefined }, /`options`/],
    ['options that are a text', { options: 'localhost' }, /`options`/],
  ])('refuses %s', (_what, where, message) => {
    const error = refusalOf(() => redis(where as Parameters<typeof redis>[0]))
    expect(error.code).toBe('CW_OPTION_INVALID')
    expect(error.message).toMatch(message)
  })

  test('connects to nothing before a manager opens it', async () => {
    expect(await warningsDuring(() => redis({ url: 'redis://127.0.0.1:1' }))).toEqual([])
  })
})

describe('a life longer than a timer', () => {
  test.each(['25d', '60d', 2 ** 31, 2 ** 40] as const)('a ttl of %p holds', async (ttl) => {
    let now = 0
    const manager = createCacheManager({ clock: { now: () => now } })
    const cache = manager.cache('c')
    await cache.put('k', 1, { ttl })
    const span = typeof ttl === 'number' ? ttl : Number.parseInt(ttl, 10) * 86_400_000
    now = span - 1
    expect(await cache.get('k')).toBe(1)
    now = span
    expect(await cache.get('k')).toBeUndefined()
    await manager.close()
  })
})
