import {
  Cacheable,
  CacheConfig,
  CacheEvict,
  type CacheManager,
  CachePut,
  Caching,
  cached,
  createCacheManager,
  type ExplainedEvict,
  Memoize,
} from 'cachewright'

// Evicts that name the method whose entries they remove: which methods that are, in both dialects.

let own: CacheManager
const manager = (): CacheManager => own
beforeEach(() => {
  own = createCacheManager()
})
afterEach(() => own.close())
afterEach(() => void jest.restoreAllMocks())

// What is decorated is known weakly only.
const keep: unknown[] = []
afterEach(() => void keep.splice(0))

interface Product {
  readonly id: string
  readonly category: number
}

class Products {
  loads = 0

  @Cacheable({ manager })
  async find(id: string): Promise<string> {
    return `${id} ${++this.loads}`
  }

  @CacheEvict({ of: () => [Products, 'find'] })
  async remove(_id: string): Promise<void> {}

  @CacheEvict({ of: () => [Products, 'find'], args: (product: Product) => [product.id] })
  async update(_product: Product): Promise<void> {}

  @CacheEvict({ of: () => [Products, 'find'], resultArgs: (product: Product) => [product.id] })
  async create(category: number): Promise<Product> {
    return { id: 'a', category }
  }

  @CacheEvict({ of: () => [Products, 'find'] })
  static async drop(_id: string): Promise<void> {}
}

const twice = async (its: { find(id: string): Promise<string> }): Promise<string[]> => [
  await its.find('a'),
  await its.find('b'),
]

describe('an evict of what another method keeps', () => {
  test('removes the entry for its own arguments, in a cache of that method’s own, and no other', async () => {
    const products = new Products()
    expect(await twice(products)).toEqual(['a 1', 'b 2'])
    await products.remove('a')
    expect(await twice(products)).toEqual(['a 3', 'b 2'])
  })

  test('removes the entry for the arguments that it makes, of its own or of its result', async () => {
    const products = new Products()
    await twice(products)
    await products.update({ id: 'b', category: 1 })
    expect(await twice(products)).toEqual(['a 1', 'b 3'])
    await products.create(1)
    expect(await twice(products)).toEqual(['a 4', 'b 3'])
  })

  test('from a static method, and from another class', async () => {
    class Elsewhere {
      @CacheEvict({ of: () => [Products, 'find'], args: (product: Product) => [product.id] })
      async save(_product: Product): Promise<void> {}
    }
    const products = new Products()
    await twice(products)
    await Products.drop('a')
    expect(await twice(products)).toEqual(['a 3', 'b 2'])
    await new Elsewhere().save({ id: 'b', category: 1 })
    expect(await twice(products)).toEqual(['a 3', 'b 4'])
  })

  test('a class that is defined later', async () => {
    class Writer {
      @CacheEvict({ of: () => [Reader, 'find'] })
      async write(_id: string): Promise<void> {}
    }
    class Reader extends Products {}
    const reader = new Reader()
    await twice(reader)
    await new Writer().write('a')
    expect(await twice(reader)).toEqual(['a 3', 'b 2'])
  })

  test('static methods, and methods under a symbol or a number', async () => {
    const name: unique symbol = Symbol('find')
    let loads = 0
    class Rates {
      @Cacheable({ manager })
      static async of(_currency: string): Promise<number> {
        return ++loads
      }

      @Cacheable({ manager })
      async [name](_id: string): Promise<number> {
        return ++loads
      }

      @Cacheable({ manager })
      async 404(_id: string): Promise<number> {
        return ++loads
      }

      @CacheEvict({ of: () => [Rates, 404] })
      @CacheEvict({ of: () => [Rates, name] })
      @CacheEvict({ of: () => [Rates, 'of'] })
      async publish(_currency: string): Promise<void> {}
    }
    const rates = new Rates()
    const all = () => Promise.all([Rates.of('EUR'), rates[name]('EUR'), rates[404]('EUR')])
    expect(await all()).toEqual([1, 2, 3])
    expect(await all()).toEqual([1, 2, 3])
    await rates.publish('EUR')
    expect(await all()).toEqual([4, 5, 6])
  })

  test('every cache of the read, and every read of the method', async () => {
    class Rows {
      @Caching({
        cacheable: [
          { manager, cache: ['one', 'two'], key: (id: string) => `by ${id}` },
          { manager, cache: 'three' },
        ],
      })
      async find(id: string): Promise<string> {
        return id
      }

      @CacheEvict({ of: () => [Rows, 'find'] })
      async remove(_id: string): Promise<void> {}
    }
    const rows = new Rows()
    const kept = () =>
      Promise.all([own.cache('one').get('by a'), own.cache('two').get('by a'), own.cache('three').get('a')])
    await rows.find('a')
    expect(await kept()).toEqual(['a', 'a', 'a'])
    await rows.remove('a')
    expect(await kept()).toEqual([undefined, undefined, undefined])
  })

  test('beside other evicts in one @Caching, and below a read of its own', async () => {
    class Lists extends Products {
      @Caching({
        evict: [
          { of: () => [Lists, 'find'], args: (product: Product) => [product.id] },
          { manager, cache: 'lists', allEntries: true },
        ],
      })
      async save(_product: Product): Promise<void> {}

      @Cacheable({ manager, cache: 'loads' })
      @CacheEvict({ of: () => [Lists, 'find'] })
      async load(id: string): Promise<string> {
        return id
      }
    }
    const lists = new Lists()
    await own.cache('lists').put('x', 1)
    await twice(lists)
    await lists.save({ id: 'a', category: 1 })
    expect(await own.cache('lists').get('x')).toBeUndefined()
    expect(await twice(lists)).toEqual(['a 3', 'b 2'])
    await lists.load('b')
    expect(await twice(lists)).toEqual(['a 3', 'b 4'])
    await lists.load('b')
    expect(await twice(lists)).toEqual(['a 3', 'b 4'])
  })
})

describe('which objects are meant', () => {
  class Repository {
    loads = 0

    @Cacheable({ manager })
    async find(id: string): Promise<string> {
      return `${this.constructor.name} ${id} ${++this.loads}`
    }

    @CacheEvict({ of: () => [Repository, 'find'] })
    async remove(_id: string): Promise<void> {}
  }
  class Users extends Repository {}
  class Orders extends Repository {}

  test('those of the class that inherits the evict with the read, and not its sisters', async () => {
    const [users, orders] = [new Users(), new Orders()]
    expect([await users.find('a'), await orders.find('a')]).toEqual(['Users a 1', 'Orders a 1'])
    await users.remove('a')
    expect([await users.find('a'), await orders.find('a')]).toEqual(['Users a 2', 'Orders a 1'])
  })

  test('from another class, those of the class that is named, also if it inherits the method', async () => {
    class Import {
      @CacheEvict({ of: () => [Orders, 'find'] })
      async run(_id: string): Promise<void> {}
    }
    const [users, orders] = [new Users(), new Orders()]
    await Promise.all([users.find('a'), orders.find('a')])
    await new Import().run('a')
    expect([await users.find('a'), await orders.find('a')]).toEqual(['Users a 1', 'Orders a 2'])
  })

  test('the cache and the manager that the inheriting class says', async () => {
    const other = createCacheManager()
    @CacheConfig({ cache: 'people', manager: other })
    class People extends Base {}
    class Import {
      @CacheEvict({ of: () => [People, 'find'] })
      async run(_id: string): Promise<void> {}
    }
    await new People().find('a')
    expect(await other.cache('people').get('a')).toBe('a')
    await new Import().run('a')
    expect(await other.cache('people').get('a')).toBeUndefined()
    await other.close()
  })

  test('an override is meant too, and what it overrides, for the one is answered by the other', async () => {
    class Overriding extends Repository {
      @Cacheable({ manager })
      override async find(id: string): Promise<string> {
        return `over ${await super.find(id)}`
      }
    }
    const rows = new Overriding()
    expect(await rows.find('a')).toBe('over Overriding a 1')
    await rows.remove('a')
    expect(await rows.find('a')).toBe('over Overriding a 2')
  })

  test('behind an override that is not decorated the read is reached by super', async () => {
    class Plain extends Repository {
      override async find(id: string): Promise<string> {
        return `plain ${await super.find(id)}`
      }
    }
    const rows = new Plain()
    await rows.find('a')
    expect(await rows.find('a')).toBe('plain Plain a 1')
    await rows.remove('a')
    expect(await rows.find('a')).toBe('plain Plain a 2')
  })
})

class Base {
  @Cacheable()
  async find(id: string): Promise<string> {
    return id
  }
}

describe('the manager', () => {
  test('is that of the object that the evict is called on', async () => {
    const its = createCacheManager()
    const [bound, free] = [its.bind(new Products()), new Products()]
    await Promise.all([twice(bound), twice(free)])
    await bound.remove('a')
    expect([await twice(bound), await twice(free)]).toEqual([
      ['a 3', 'b 2'],
      ['a 1', 'b 2'],
    ])
    await its.close()
  })

  test('is its own, where it names one', async () => {
    const other = createCacheManager()
    class Others {
      @CacheEvict({ of: () => [Products, 'find'], manager: other })
      async remove(_id: string): Promise<void> {}
    }
    const products = new Products()
    const elsewhere = other.bind(new Products())
    await Promise.all([twice(products), twice(elsewhere)])
    await new Others().remove('a')
    expect([await twice(products), await twice(elsewhere)]).toEqual([
      ['a 1', 'b 2'],
      ['a 3', 'b 2'],
    ])
    await other.close()
  })

  test('is asked for on every call', async () => {
    const products = new Products()
    await twice(products)
    await products.remove('a')
    await own.close()
    own = createCacheManager()
    await twice(products)
    await products.remove('a')
    expect(await cached(products).find.peek('a')).toEqual({ found: false })
    expect(await cached(products).find.peek('b')).toMatchObject({ found: true })
  })
})

describe('what is no read', () => {
  class Mixed {
    @Memoize()
    memoised(id: string): string {
      return id
    }

    async plain(id: string): Promise<string> {
      return id
    }

    @CachePut({ manager, cache: 'puts' })
    async put(id: string): Promise<string> {
      return id
    }
  }

  test.each(['memoised', 'plain', 'put'] as const)(
    'a method that is %s: refused by the first call, and nothing happens',
    async (name) => {
      let calls = 0
      class Writer {
        @CacheEvict({ manager, of: () => [Mixed, name as 'put'] })
        async write(_id: string): Promise<void> {
          calls++
        }
      }
      const answer = new Writer().write('a')
      await expect(answer).rejects.toMatchObject({ code: 'CW_DEFINITION_CONFLICT' })
      await expect(answer).rejects.toThrow(
        `@CacheEvict of Writer.write: \`of\` must name a method under @Cacheable or @CacheableMany, whose entries are to be evicted; '${name}' of Mixed is none.`,
      )
      expect(calls).toBe(0)
    },
  )

  test.each([
    ['nothing', () => undefined, /got undefined/],
    ['the method', () => Mixed.prototype.plain, /got a function/],
    ['a text', () => 'Mixed.plain', /got 'Mixed\.plain'/],
    ['a class that is not there', () => [undefined, 'plain'], /got an array of 2/],
    ['an object', () => [new Mixed(), 'plain'], /got an array of 2/],
    ['no name', () => [Mixed], /got an array of 1/],
    ['an arrow function', () => [() => {}, 'plain'], /got an array of 2/],
    [
      'an error',
      () => {
        throw new ReferenceError('not there yet')
      },
      /`of` threw: not there yet/,
    ],
  ])('of that answers with %s', async (_, of, message) => {
    class Writer {
      @CacheEvict({ manager, of: of as never })
      async write(_id: string): Promise<void> {}
    }
    const answer = new Writer().write('a')
    await expect(answer).rejects.toMatchObject({ code: 'CW_OPTION_INVALID' })
    await expect(answer).rejects.toThrow(message)
  })

  test('is refused by ready(), and a finding of the audit', async () => {
    const its = createCacheManager()
    class Writer {
      @CacheEvict({ manager: its, of: () => [Mixed, 'plain'] })
      async write(_id: string): Promise<void> {}

      @Cacheable({ manager: its, cache: 'good' })
      async good(): Promise<void> {}
    }
    keep.push(new Writer())
    const ready = its.ready()
    await expect(ready).rejects.toMatchObject({ code: 'CW_DEFINITION_CONFLICT' })
    await expect(ready).rejects.toThrow(/Writer\.write: `of` must name a method.*'plain' of Mixed is none/)
    const { findings, methods } = its.audit()
    expect(findings).toEqual([
      {
        kind: 'evicts-nothing',
        severity: 'error',
        subject: 'Writer.write',
        message: expect.stringMatching(/'plain' of Mixed is none/) as string,
      },
    ])
    expect(methods.map(({ method }) => method)).toEqual(['Writer.good'])
    expect(() => its.explain(Writer, 'write')).toThrow(/'plain' of Mixed is none/)
    expect(its.explain(Writer, 'good').evictedBy).toEqual([])
    await its.close()
  })
})

describe('explain and audit', () => {
  let its: CacheManager
  beforeEach(() => {
    its = createCacheManager()
  })
  afterEach(() => its.close())

  const define = () => {
    const read = its
    class Books {
      @Cacheable({ manager: read, ttl: Number.POSITIVE_INFINITY })
      async find(id: string): Promise<string> {
        return id
      }

      @Cacheable({ manager: read, cache: 'titles', key: (title: string) => title.trim() })
      async byTitle(title: string): Promise<string> {
        return title
      }

      @CacheEvict({ of: () => [Books, 'byTitle'], args: (id: string, title: string) => [title + id] })
      @CacheEvict({ of: () => [Books, 'find'], before: true, args: (id: string, _title: string) => [id] })
      async rename(_id: string, _title: string): Promise<void> {}

      @CacheEvict({ of: () => [Books, 'find'], expire: true })
      async touch(_id: string): Promise<void> {}
    }
    class Novels extends Books {}
    keep.push(new Books(), new Novels())
    return { Books, Novels }
  }

  test('an evict says whose entries it removes, from where and by which arguments', () => {
    const { Books } = define()
    const evicts = its.explain(Books, 'rename').steps.filter(({ does }) => does === 'evict') as ExplainedEvict[]
    expect(evicts.map(({ of, caches, what, when, key }) => ({ of, caches, what, when, madeOf: key?.madeOf }))).toEqual([
      {
        of: { method: 'Books.find', madeBy: 'args' },
        caches: ['Books.find'],
        what: ['key'],
        when: 'before',
        madeOf: 'parameters',
      },
      {
        of: { method: 'Books.byTitle', madeBy: 'args' },
        caches: ['titles'],
        what: ['key'],
        when: 'after',
        madeOf: 'key',
      },
    ])
    expect(String(its.explain(Books, 'rename'))).toBe(
      [
        'Books.rename',
        '  1. evict what Books.find keeps for `args` from Books.find, before all else',
        '  2. call the method',
        '  3. evict what Books.byTitle keeps for `args` from titles',
      ].join('\n'),
    )
    expect(String(its.explain(Books, 'touch'))).toContain(
      'expire what Books.find keeps for the same arguments from Books.find',
    )
  })

  test('a read says who evicts it, on objects of each class', () => {
    const { Books, Novels } = define()
    const evictions = (name: string) => [
      { method: 'Books.rename', cache: name, what: 'key' },
      { method: 'Books.touch', cache: name, what: 'key' },
    ]
    expect(its.explain(Books, 'find').evictedBy).toEqual(evictions('Books.find'))
    expect(its.explain(Novels, 'find').evictedBy).toEqual(evictions('Novels.find'))
    expect(its.explain(Books, 'byTitle').evictedBy).toEqual([{ method: 'Books.rename', cache: 'titles', what: 'key' }])
  })

  test('from elsewhere only the class that is named is evicted', () => {
    const { Books, Novels } = define()
    class Import {
      @CacheEvict({ of: () => [Novels, 'find'] })
      async run(_id: string): Promise<void> {}
    }
    class Restore {
      @CacheEvict({ of: () => [Books, 'find'] })
      async run(_id: string): Promise<void> {}
    }
    keep.push(new Import(), new Restore())
    const evictors = (owner: typeof Books) => its.explain(owner, 'find').evictedBy.map(({ method }) => method)
    expect(evictors(Novels)).toContain('Import.run')
    expect(evictors(Novels)).not.toContain('Restore.run')
    expect(evictors(Books)).not.toContain('Import.run')
    expect(evictors(Books)).toContain('Restore.run')
  })

  test('the class that is named is known by that, before there is an object of it', () => {
    const read = its
    class Unseen {
      @Cacheable({ manager: read })
      async find(id: string): Promise<string> {
        return id
      }
    }
    class Import {
      @CacheEvict({ of: () => [Unseen, 'find'] })
      async run(_id: string): Promise<void> {}
    }
    const [, evict] = its.explain(Import, 'run').steps as [unknown, ExplainedEvict]
    expect(evict).toMatchObject({ of: { method: 'Unseen.find', madeBy: 'parameters' }, caches: ['Unseen.find'] })
    expect(its.audit().findings).toEqual([])
  })

  test('the audit finds nothing wrong, and shows the evict', async () => {
    define()
    const audit = its.audit()
    expect(audit.findings).toEqual([])
    expect(String(audit)).toMatch(/Books\.rename +evict before +Books\.find +of Books\.find/)
    expect((await its.ready()).warnings).toEqual([])
  })

  test('an evict of a method that uses another manager evicts nothing', () => {
    const { Books } = define()
    const other = createCacheManager()
    class Import {
      @CacheEvict({ manager: other, of: () => [Books, 'find'] })
      async run(_id: string): Promise<void> {}
    }
    keep.push(new Import())
    expect(other.audit().findings).toEqual([
      {
        kind: 'evicts-nothing',
        severity: 'warning',
        subject: 'Import.run',
        message:
          'Import.run evicts entries of Books.find in this manager, but that method uses another one. Give both the same `manager`.',
      },
    ])
    return other.close()
  })
})
