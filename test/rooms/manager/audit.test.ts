import { IncomingMessage } from 'node:http'
import {
  type AuditFinding,
  assertNoFindings,
  Cacheable,
  CacheConfig,
  CacheEvict,
  CacheIgnore,
  CacheKey,
  type CacheManager,
  CachePut,
  type CachingOptions,
  createCacheManager,
  type ExplainedRead,
  isCacheError,
} from 'cachewright'

let manager: CacheManager
beforeEach(() => {
  manager = createCacheManager()
})
afterEach(() => manager.close())

/** The manager itself and not a function: classes of earlier tests, which may still be there, belong to closed ones. */
const reopen = async (options: CachingOptions): Promise<void> => {
  await manager.close()
  manager = createCacheManager(options)
}

// What an audit looks through is held weakly.
const keep: unknown[] = []
beforeEach(() => void keep.splice(0))
afterEach(() => void jest.restoreAllMocks())

const found = (): readonly AuditFinding[] => manager.audit().findings
const kinds = (): string[] => found().map(({ kind, subject }) => `${kind}: ${subject}`)

describe('what a key is made of', () => {
  const its = createCacheManager()
  afterAll(() => its.close())

  class Rows {
    @Cacheable({ manager: its })
    async find(@CacheKey() _id: string, _trace: string, @CacheKey('customer.id') _order: object): Promise<number> {
      return 1
    }

    @Cacheable({ manager: its })
    async list(_id: string, @CacheIgnore() _trace: string): Promise<number> {
      return 1
    }
  }
  const keyOf = (name: 'find' | 'list') => (its.explain(Rows, name).steps[0] as ExplainedRead).key

  test('is told by the parameters that are picked, and those that are left out', () => {
    expect(keyOf('find')).toEqual({
      madeOf: 'parameters',
      isOfElements: false,
      picked: [
        { parameter: 1, path: undefined },
        { parameter: 3, path: 'customer.id' },
      ],
      ignored: [],
    })
    expect(keyOf('list')).toEqual({ madeOf: 'parameters', isOfElements: false, picked: undefined, ignored: [2] })
    expect(String(its.explain(Rows, 'find'))).toContain('read by parameter 1, 3 (customer.id)\n')
    expect(String(its.explain(Rows, 'list'))).toContain('read by all parameters but 2\n')
  })
})

describe('an audit of definitions', () => {
  test('of what is in order finds nothing', () => {
    class Rows {
      @Cacheable({ manager, cache: 'rows' })
      async find(id: string): Promise<string> {
        return id
      }

      @CacheEvict({ manager, cache: 'rows' })
      async remove(_id: string): Promise<void> {}
    }
    keep.push(Rows)
    expect(found()).toEqual([])
    expect(String(manager.audit())).toMatch(/\n\nno findings$/)
  })

  test('finds what ready() finds, by the name of its kind, and lists what has a plan', async () => {
    class Filter {
      word = ''
    }
    class Rows {
      @Cacheable({ manager, cache: 'rows' })
      async one(id: string): Promise<string> {
        return id
      }

      @Cacheable({ manager, cache: 'rows' })
      async two(id: string): Promise<string> {
        return id
      }

      @Cacheable({ manager, softTimeout: '1s' })
      async contradicts(id: string): Promise<string> {
        return id
      }

      @Cacheable({ manager })
      async filtered(_filter: Filter): Promise<string> {
        return ''
      }

      @CacheEvict({ manager, cache: 'nowhere' })
      async remove(_id: string): Promise<void> {}
    }
    keep.push(Rows)
    expect(kinds()).toEqual([
      'same-key: rows',
      'contradicting-options: Rows.contradicts',
      'evicts-nothing: Rows.remove',
      'unknown-parameter-type: Rows.filtered',
    ])
    expect(manager.audit().methods.map(({ method }) => method)).toEqual([
      'Rows.filtered',
      'Rows.one',
      'Rows.remove',
      'Rows.two',
    ])
    expect(() => manager.explain(Rows, 'contradicts')).toThrow(/softTimeout/)
    const [same] = found()
    await expect(manager.ready()).rejects.toThrow(same!.message)
  })

  test('finds requests that are part of a key', () => {
    class Own extends IncomingMessage {}
    class Rows {
      @Cacheable({ manager })
      async handle(_request: IncomingMessage): Promise<string> {
        return ''
      }

      @Cacheable({ manager })
      async inherited(_request: Own): Promise<string> {
        return ''
      }

      @Cacheable({ manager })
      async fetched(_request: Request): Promise<string> {
        return ''
      }

      @Cacheable({ manager, key: (request: IncomingMessage) => request.url })
      async picked(_request: IncomingMessage): Promise<string> {
        return ''
      }
    }
    keep.push(Rows)
    expect(kinds()).toEqual([
      'unbounded-key: Rows.handle',
      'unbounded-key: Rows.inherited',
      'unbounded-key: Rows.fetched',
    ])
    expect(found()[0]?.message).toMatch(/Rows\.handle: parameter 1 is of class IncomingMessage.*`key:/)
  })

  describe('finds values that live for ever and that nobody evicts', () => {
    test.each<[string, CachingOptions, object]>([
      ['by the operation', {}, { ttl: Number.POSITIVE_INFINITY }],
      ['by the cache', { caches: { rows: { ttl: Number.POSITIVE_INFINITY } } }, {}],
      ['by all caches', { defaults: { ttl: Number.POSITIVE_INFINITY } }, {}],
    ])('%s', async (_, options, said) => {
      await reopen(options)
      class Rows {
        @Cacheable({ manager, cache: 'rows', ...said })
        async find(id: string): Promise<string> {
          return id
        }
      }
      keep.push(Rows)
      expect(kinds()).toEqual(['never-evicted: Rows.find'])
      expect(found()[0]?.message).toMatch(/Rows\.find keeps values in cache 'rows' for ever.*`ttl`/)
    })

    test('by the class, and not where an operation says otherwise', () => {
      @CacheConfig({ manager, ttl: Number.POSITIVE_INFINITY })
      class Rows {
        @Cacheable()
        async find(id: string): Promise<string> {
          return id
        }

        @Cacheable({ ttl: '1m' })
        async short(id: string): Promise<string> {
          return id
        }
      }
      keep.push(Rows)
      expect(kinds()).toEqual(['never-evicted: Rows.find'])
    })

    test.each<[string, () => unknown, boolean]>([
      ['an evict of the key', () => CacheEvict({ manager, cache: 'rows' }), true],
      ['an evict of everything', () => CacheEvict({ manager, cache: 'rows', allEntries: true }), true],
      ['an evict of its tag', () => CacheEvict({ manager, tags: ['t'] }), true],
      ['a put', () => CachePut({ manager, cache: 'rows' }), true],
      ['an evict of another tag', () => CacheEvict({ manager, cache: 'rows', tags: ['u'] }), false],
      ['an evict in another cache', () => CacheEvict({ manager, cache: 'others' }), false],
    ])('unless there is: %s', (_, decorator, isEvicted) => {
      class Rows {
        @Cacheable({ manager, cache: 'rows', tags: ['t'], ttl: Number.POSITIVE_INFINITY })
        async find(id: string): Promise<string> {
          return id
        }

        @Cacheable({ manager, cache: 'others' })
        async others(id: string): Promise<string> {
          return id
        }

        async change(id: string): Promise<string> {
          return id
        }
      }
      const descriptor = Object.getOwnPropertyDescriptor(Rows.prototype, 'change')!
      ;(decorator() as (...args: unknown[]) => void)(Rows.prototype, 'change', descriptor)
      keep.push(Rows, descriptor)
      expect(kinds()).toEqual(isEvicted ? [] : ['never-evicted: Rows.find'])
    })
  })
})

describe('an audit of what caches have counted', () => {
  const cache = () => manager.cache<unknown>('c')
  const load = (key: unknown, value: unknown = 1): Promise<unknown> => cache().getOrLoad(key as object, () => value)

  test('finds keys that whole objects are part of', async () => {
    for (let id = 0; id < 10; id++) await load({ id, headers: 'x'.repeat(200) })
    expect(kinds()).toEqual(['unbounded-key: c'])
    expect(found()[0]?.message).toMatch(/Cache 'c' has keys over 200 characters, 10 of 10.*@CacheKey/)
  })

  test('finds none in a few long keys among others, nor in too few to tell', async () => {
    for (let id = 0; id < 9; id++) await load(`${id}${'x'.repeat(200)}`)
    expect(kinds()).toEqual([])
    for (let id = 0; id < 9; id++) await load(id)
    expect(kinds()).toEqual([])
  })

  test('finds values over a limit, and values that cannot be carried', async () => {
    jest.spyOn(process, 'emitWarning').mockImplementation()
    await reopen({ caches: { c: { local: { maxBytes: 1_000 } } } })
    await load('a', 'x'.repeat(10_000))
    expect(kinds()).toEqual(['over-quota: c'])
    await load('b', () => 1)
    await load('b', () => 1)
    expect(found().map(({ kind, message }) => `${kind} ${/\d+/.exec(message)?.[0]}`)).toEqual([
      'over-quota 1',
      'not-kept 2',
    ])
  })

  test('finds a hit ratio that is too low, once there were enough reads to tell', async () => {
    for (let id = 0; id < 999; id++) await load(id)
    expect(kinds()).toEqual([])
    await load(0)
    expect(kinds()).toEqual(['low-hit-ratio: c'])
    expect(found()[0]?.message).toMatch(/answered 0\.1 % of 1000 reads/)
    for (let id = 0; id < 200; id++) await load(id)
    expect(kinds()).toEqual([])
    expect(manager.audit({ minHitRatio: 0.5 }).findings).toHaveLength(1)
    expect(manager.audit({ minHitRatio: 0.5, minReads: 10_000 }).findings).toEqual([])
  })

  test('refuses options it does not know', () => {
    expect(() => manager.audit({ minRatio: 1 } as object)).toThrow(/no option `minRatio`/)
    expect(() => manager.audit({ minHitRatio: 50 })).toThrow(/`minHitRatio` must be a number from 0 to 1/)
  })
})

describe('assertNoFindings', () => {
  const broken = (): void => {
    class Rows {
      @CacheEvict({ manager, cache: 'nowhere' })
      async remove(_id: string): Promise<void> {}

      @CacheEvict({ manager, cache: 'elsewhere' })
      async drop(_id: string): Promise<void> {}
    }
    keep.push(Rows)
  }
  const failure = (check: () => void): string | undefined => {
    try {
      check()
      return undefined
    } catch (error) {
      return isCacheError(error) ? `${error.code}: ${error.message}` : String(error)
    }
  }

  test('is content with an audit that found nothing', () => {
    expect(failure(() => assertNoFindings(manager.audit()))).toBeUndefined()
  })

  test('fails with every finding in its message', () => {
    broken()
    const [first, second] = found()
    expect(failure(() => assertNoFindings(manager.audit()))).toBe(
      [
        'CW_DEFINITION_CONFLICT: The audit of caching has 2 findings',
        `  evicts-nothing (warning): ${first?.message}`,
        `  evicts-nothing (warning): ${second?.message}`,
      ].join('\n'),
    )
  })

  test('leaves out what is allowed, by kind or for one subject', () => {
    broken()
    const audit = manager.audit()
    expect(failure(() => assertNoFindings(audit, ['evicts-nothing']))).toBeUndefined()
    const left = failure(() => assertNoFindings(audit, ['same-key', { kind: 'evicts-nothing', subject: 'Rows.drop' }]))
    expect(left).toMatch(/1 finding\n.*Rows\.remove/)
    expect(left).not.toContain('Rows.drop')
  })
})
