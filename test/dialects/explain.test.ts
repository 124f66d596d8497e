import {
  Cacheable,
  CacheableMany,
  CacheConfig,
  CacheEvict,
  type CacheManager,
  CachePut,
  configureCaching,
  createCacheManager,
  type ExplainedRead,
  type MethodExplanation,
} from 'cachewright'
import { type Planned, Planner } from '../../src/interceptor/plan'
import { methodOf } from '../../src/metadata/operation-source'

const open: CacheManager[] = []
const create = (...[options]: Parameters<typeof createCacheManager>): CacheManager => {
  const manager = createCacheManager(options)
  open.push(manager)
  return manager
}
afterEach(() => Promise.all(open.splice(0).map((manager) => manager.close())))

// What is decorated is known weakly only.
const keep: unknown[] = []
afterEach(() => void keep.splice(0))

const doings = ({ steps }: MethodExplanation): string[] => steps.map(({ does }) => does)
const readOf = ({ steps }: MethodExplanation): ExplainedRead =>
  steps.find(({ does }) => does === 'read') as ExplainedRead

let manager: CacheManager
beforeEach(() => {
  manager = create({
    prefix: 'shop',
    local: { ttl: '1m' },
    defaults: { ttl: '10m' },
    caches: { orders: { staleIfError: '1h', partition: () => 'tenant', hierarchical: true, local: false } },
  })
})

class Products {
  @Cacheable({
    manager: () => manager,
    cache: 'products',
    ttl: '5m',
    tags: ['list'],
    condition: (id: string) => id !== '',
    version: (found: string) => found.length,
    fallback: () => 'none',
  })
  async find(id: string): Promise<string> {
    return id
  }

  @CacheEvict({ manager: () => manager, cache: 'orders', tags: (id: string) => [id], afterError: true })
  @CachePut({ manager: () => manager, cache: 'products', key: (id: string) => id, unless: (saved) => saved === '' })
  @Cacheable({ manager: () => manager, cache: 'products', key: (id: string) => id })
  @CacheEvict({ manager: () => manager, cache: ['orders', 'prices'], allEntries: true, before: true })
  async save(id: string): Promise<string> {
    return id
  }

  @CacheEvict({ manager: () => manager, cache: 'products', expire: true })
  async touch(_id: string): Promise<void> {}

  @CacheEvict({ manager: () => manager, tags: ['list', 'other'] })
  async relist(): Promise<void> {}

  @CacheEvict({ manager: () => manager, tags: ['other'] })
  async others(): Promise<void> {}

  @CacheEvict({ manager: () => manager, cache: 'products', resultKey: (id: string) => id, tags: ['list'] })
  async pop(): Promise<string> {
    return ''
  }

  @Cacheable({ manager: () => manager })
  async own(): Promise<number> {
    return 1
  }

  @Cacheable({ manager: () => manager })
  static async own(): Promise<number> {
    return 2
  }

  async plain(): Promise<void> {}
}

describe('explain', () => {
  test('tells key, tiers, lives, tags and conditions of a read', () => {
    expect(manager.explain(Products, 'find').steps).toEqual([
      {
        does: 'read',
        decorator: '@Cacheable',
        asks: ['condition'],
        functions: ['version', 'fallback'],
        tags: { fixed: ['list'], isComputed: false },
        key: { madeOf: 'parameters', isOfElements: false, picked: undefined, ignored: [] },
        caches: [
          {
            cache: 'products',
            sharedKey: undefined,
            local: { maxEntries: 10_000, maxBytes: null, ttlMs: 60_000, isolation: 'freeze' },
            ttlMs: 300_000,
            ttlJitter: 0,
            maxValueBytes: 8_388_608,
            isPartitioned: false,
            isHierarchical: false,
            policies: {
              staleWhileRevalidateMs: null,
              staleIfErrorMs: null,
              refreshAhead: null,
              softTimeoutMs: null,
              hardTimeoutMs: null,
              negativeTtlMs: null,
              errorTtlMs: null,
            },
          },
        ],
      },
      { does: 'call', isAlways: false },
    ])
  })

  test('tells the steps in the order of their effects, whatever the order of the decorators', () => {
    const explanation = manager.explain(Products, 'save')
    expect(doings(explanation)).toEqual(['evict', 'read', 'call', 'put', 'evict'])
    expect(explanation.steps[0]).toMatchObject({ when: 'before', caches: ['orders', 'prices'], what: ['everything'] })
    expect(explanation.steps[2]).toEqual({ does: 'call', isAlways: true })
    expect(explanation.steps[3]).toMatchObject({ asks: ['unless'], key: { madeOf: 'key' } })
    expect(explanation.steps[4]).toMatchObject({
      when: 'after',
      caches: ['orders'],
      what: ['tags'],
      tags: { fixed: [], isComputed: true },
      key: undefined,
      afterError: true,
    })
  })

  test('tells who evicts and replaces what a method keeps, by key, by a tag it carries, in the same cache', () => {
    expect(manager.explain(Products, 'find').evictedBy.map(({ method, what }) => `${method} ${what}`)).toEqual([
      'Products.save put',
      'Products.touch key',
      'Products.relist tags',
      'Products.pop tags',
      'Products.pop key',
    ])
    expect(manager.explain(Products, 'own').evictedBy).toEqual([])
  })

  test('tells evicts as they are', () => {
    const [touch] = manager.explain(Products, 'touch').steps.slice(-1)
    expect(touch).toMatchObject({ does: 'evict', what: ['key'], isExpiry: true, key: { madeOf: 'parameters' } })
    expect(manager.explain(Products, 'relist').steps).toMatchObject([
      { does: 'call', isAlways: true },
      { does: 'evict', caches: 'all', what: ['tags'], key: undefined },
    ])
    expect(manager.explain(Products, 'pop').steps[1]).toMatchObject({
      what: ['tags', 'key'],
      key: { madeOf: 'resultKey' },
    })
  })

  test('is a text to read', () => {
    expect(String(manager.explain(Products, 'save'))).toBe(
      [
        'Products.save',
        '  1. evict everything from orders, prices, before all else',
        '  2. read by `key`',
        '     products: local; ttl 10m, local 1m',
        '  3. call the method',
        '  4. put by `key`, if `unless` allows it',
        '     products: local; ttl 10m, local 1m',
        '  5. evict tags by `tags` from orders, after errors too',
        '  evicted by: Products.save (put), Products.touch (key), Products.pop (key)',
      ].join('\n'),
    )
  })

  test('says which functions have a say', () => {
    const [, read] = String(manager.explain(Products, 'find')).split('\n')
    expect(read).toBe(
      '  1. read by all parameters, tags list, if `condition` allows it, with `version`, with `fallback`',
    )
  })

  test.each(['find', 'save', 'touch', 'relist', 'pop', 'own'] as const)('is what a call of %s does', (name) => {
    const products = new Products()
    const plan = new Planner(methodOf(Products.prototype[name])!).planFor(products)
    const kept = ({ caches, lives }: Planned) =>
      caches.map((cache) => {
        const { ttlMs, policies } = lives.get(cache)!
        return [cache.name, ttlMs, policies.staleIfErrorMs || null]
      })
    const evicted = (when: string) => (planned: Planned) => [
      when,
      planned.namesCache || planned.operation.tags === undefined ? planned.caches.map((cache) => cache.name) : 'all',
    ]
    const planned = [
      ...plan.evictsBefore.map(evicted('before')),
      ...plan.reads.map(kept),
      'call',
      ...plan.puts.map(kept),
      ...plan.evictsAfter.map(evicted('after')),
    ]
    const explained = manager.explain(products, name).steps.map((step) => {
      if (step.does === 'call' || step.does === 'queue') return step.does
      if (step.does === 'evict') return [step.when, step.caches]
      return step.caches.map(({ cache, ttlMs, policies }) => [cache, ttlMs, policies.staleIfErrorMs])
    })
    expect(explained).toEqual(planned)
  })

  test('tells the keys of lists: of each element, and of many entries at once', () => {
    class Lists {
      @CacheableMany({ manager: () => manager, cache: 'products' })
      async findAll(ids: readonly string[]): Promise<string[]> {
        return [...ids]
      }

      @CacheEvict({ manager: () => manager, cache: 'products', tags: ['t'], keys: (ids: readonly string[]) => ids })
      async removeAll(_ids: readonly string[]): Promise<void> {}
    }
    keep.push(new Lists())
    const found = manager.explain(Lists, 'findAll')
    expect(readOf(found).key).toMatchObject({ madeOf: 'parameters', isOfElements: true })
    expect(String(found)).toContain('1. read by element, all parameters\n')
    expect(found.evictedBy).toContainEqual({ method: 'Lists.removeAll', cache: 'products', what: 'key' })
    expect(manager.explain(Lists, 'removeAll').steps[1]).toMatchObject({
      what: ['tags', 'key'],
      key: { madeOf: 'keys', isOfElements: false },
    })
  })

  test('is data: frozen, and whole as JSON', () => {
    const explanation = manager.explain(Products, 'find')
    const [read] = explanation.steps as [ExplainedRead]
    for (const part of [explanation, explanation.steps, read, read.caches[0], read.caches[0]?.policies, read.tags]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
    expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation)
  })

  test('makes, claims and counts nothing', async () => {
    manager.explain(Products, 'own')
    manager.audit()
    expect(Object.keys(manager.stats().caches)).toEqual(['orders'])
    expect(await new Products().own()).toBe(1)
    expect(manager.stats().caches['Products.own']).toMatchObject({ misses: 1, hits: 0 })
  })

  test('an object stands for its class, and a method of objects goes before a static one', async () => {
    expect(manager.explain(new Products(), 'own')).toEqual(manager.explain(Products, 'own'))
    expect(readOf(manager.explain(Products, 'own')).caches[0]?.cache).toBe('Products.own')
    class Still {
      @Cacheable({ manager: () => manager })
      static async count(): Promise<number> {
        return 1
      }
    }
    keep.push(Still)
    const explanation = manager.explain(Still, 'count')
    expect([explanation.method, readOf(explanation).caches[0]?.cache]).toEqual(['static Still.count', 'Still.count'])
  })

  test('an inherited method is explained as the subclass has it, with its settings and cache', async () => {
    class Parent {
      @Cacheable({ manager: () => manager })
      async find(id: string): Promise<string> {
        return id
      }
    }
    @CacheConfig({ ttl: '7s' })
    class Child extends Parent {}
    class Plain extends Parent {
      override async find(id: string): Promise<string> {
        return id
      }
    }
    const explanation = manager.explain(Child, 'find')
    expect(explanation.method).toBe('Child.find')
    expect(readOf(explanation).caches).toMatchObject([{ cache: 'Child.find', ttlMs: 7_000 }])
    expect(() => manager.explain(Plain, 'find')).toThrow(/Plain has no decorated method 'find'/)
    await new Child().find('1')
    expect(manager.stats().caches['Child.find']).toMatchObject({ misses: 1 })
  })

  test('names what another manager does, and goes by what objects and classes are bound to', () => {
    const other = create()
    expect(other.explain(Products, 'find')).toMatchObject({ steps: [{ does: 'call' }], elsewhere: ['@Cacheable'] })
    expect(String(other.explain(Products, 'find'))).toContain('of another manager: @Cacheable')
    const bound = other.bind(new Products())
    expect(other.explain(bound, 'find')).toMatchObject({ steps: [{ does: 'read' }, { does: 'call' }], elsewhere: [] })
    expect(manager.explain(bound, 'find').elsewhere).toEqual(['@Cacheable'])
    class Own {
      @Cacheable()
      async find(id: string): Promise<string> {
        return id
      }
    }
    keep.push(new Own())
    expect(doings(other.explain(Own, 'find'))).toEqual(['read', 'call'])
    const classes = (): unknown[] => [...new Set(other.audit().methods.map(({ method }) => method.split('.')[0]))]
    expect(classes()).toEqual(['Products'])
    other.bind(Own.prototype)
    expect(classes()).toEqual(['Own', 'Products'])
    expect(doings(manager.explain(Own, 'find'))).toEqual(['call'])
  })

  test.each<[string, (its: CacheManager) => unknown, RegExp]>([
    [
      'a method that is not decorated',
      (its) => its.explain(Products, 'plain'),
      /Products has no decorated method 'plain'/,
    ],
    ['a method there is not', (its) => its.explain(Products, 'fnid' as 'find'), /no decorated method 'fnid'/],
    ['what is no class', (its) => its.explain(null as never, 'find' as never), /null has no decorated method/],
  ])('refuses %s', (_, explain, message) => {
    expect(() => explain(manager)).toThrow(message)
    expect(() => explain(manager)).toThrow(expect.objectContaining({ code: 'CW_OPTION_INVALID' }))
  })
})

describe('audit', () => {
  test('lists the methods that use the manager, sorted, as explain does', () => {
    keep.push(new Products())
    const { methods } = manager.audit()
    // Classes of other tests may still be there.
    expect(methods.map(({ method }) => method).filter((method) => method.includes('Products'))).toEqual([
      'Products.find',
      'Products.others',
      'Products.own',
      'Products.pop',
      'Products.relist',
      'Products.save',
      'Products.touch',
      'static Products.own',
    ])
    expect(methods.find(({ method }) => method === 'Products.find')).toEqual(manager.explain(Products, 'find'))
  })

  test('lists methods that name no manager for the configured one alone', async () => {
    class Loose {
      @Cacheable({ cache: 'loose' })
      async find(id: string): Promise<string> {
        return id
      }
    }
    keep.push(new Loose())
    const configured = configureCaching()
    const has = (its: CacheManager): boolean => its.audit().methods.some(({ method }) => method === 'Loose.find')
    expect([has(configured), has(manager)]).toEqual([true, false])
    await configured.close()
  })

  test('is a table to read', () => {
    const its = create({ defaults: { ttl: '1m' } })
    class Rows {
      @Cacheable({ manager: its, cache: 'rows', tags: ['t'] })
      async find(id: string): Promise<string> {
        return id
      }

      @CacheEvict({ manager: its, cache: 'rows', allEntries: true, before: true })
      async reset(): Promise<void> {}

      @CacheEvict({ manager: its, cache: 'rwos' })
      async remove(_id: string): Promise<void> {}
    }
    keep.push(new Rows())
    const audit = its.audit()
    expect(String(audit)).toBe(
      [
        'method       does          cache  key             ttl  tiers  tags  evicted by',
        'Rows.find    read          rows   all parameters  1m   local  t     Rows.reset (everything)',
        'Rows.remove  evict         rwos   all parameters',
        'Rows.reset   evict before  rows   everything',
        '',
        '1 finding',
        `  evicts-nothing (warning): ${audit.findings[0]?.message}`,
      ].join('\n'),
    )
    expect(JSON.parse(JSON.stringify(audit))).toEqual(audit)
    expect(Object.isFrozen(audit.findings) && Object.isFrozen(audit.findings[0])).toBe(true)
  })
})
