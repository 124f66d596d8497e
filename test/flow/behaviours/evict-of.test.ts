import { Cacheable, CacheableMany, CacheEvict, CacheIgnore, CacheKey, cached, cacheFunction } from 'cachewright'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, quietly, world } from './world'

// Evicts that name the method whose entries they remove: the keys are those of that method, whatever makes them.

afterEach(() => void jest.restoreAllMocks())

interface Product {
  readonly id: string
  readonly locale: string
}

describe.each(places)('an evict of what another method keeps, cached %s', (place) => {
  let tenant = 'red'
  const its = world(place, {
    defaults: { ttl: '1m', staleIfError: '1h' },
    caches: { rooms: { partition: () => tenant } },
    maxStaleness: '1h',
  })
  const { manager } = its
  beforeEach(() => {
    tenant = 'red'
  })

  class Products {
    loads = 0
    isBroken = false

    @Cacheable({ manager, cache: 'marked' })
    async marked(@CacheKey('id') product: Product, _trace: object, @CacheKey() size: number): Promise<string> {
      return `${product.id} ${size} ${++this.loads}`
    }

    @Cacheable({ manager })
    async ignoring(id: string, @CacheIgnore() _trace: object): Promise<string> {
      return `${id} ${++this.loads}`
    }

    @Cacheable({ manager, cache: 'keyed', key: (product: Product) => [product.locale, product.id] })
    async keyed(product: Product): Promise<string> {
      if (this.isBroken) throw new Error('source')
      return `${product.id} ${++this.loads}`
    }

    @Cacheable({ manager, cache: 'rooms' })
    async room(id: string): Promise<string> {
      return `${tenant} ${id} ${++this.loads}`
    }

    @CacheableMany({ manager, cache: 'many', key: (id: string, locale: string) => [locale, id] })
    async many(ids: readonly string[], locale: string): Promise<string[]> {
      return ids.map((id) => `${id} ${locale} ${++this.loads}`)
    }

    @CacheableMany({ manager, cache: 'fields', list: 'ids', key: (id, query) => [query.locale, id] })
    async fields(query: { readonly ids: readonly string[]; readonly locale: string }): Promise<string[]> {
      return query.ids.map((id) => `${id} ${++this.loads}`)
    }

    @CacheEvict({ of: () => [Products, 'marked'], args: (product: Product) => [product, {}, 5] })
    async ofMarked(_product: Product): Promise<void> {}

    @CacheEvict({ of: () => [Products, 'ignoring'] })
    async ofIgnoring(_id: string, _trace: object): Promise<void> {}

    @CacheEvict({ of: () => [Products, 'keyed'], unless: (result) => result === 'nothing changed' })
    async ofKeyed(product: Product): Promise<string> {
      if (product.id === 'fails') throw new Error('unchanged')
      return product.id === 'b' ? 'nothing changed' : 'changed'
    }

    @CacheEvict({ of: () => [Products, 'keyed'], expire: true, condition: (product: Product) => product.id !== 'b' })
    async expireKeyed(_product: Product): Promise<void> {}

    @CacheEvict({ of: () => [Products, 'keyed'], afterError: true })
    async failing(_product: Product): Promise<void> {
      throw new RangeError('failed')
    }

    @CacheEvict({ of: () => [Products, 'keyed'], before: true })
    async beforehand(product: Product): Promise<boolean> {
      return (await cached<Products>(this).keyed.peek(product)).found
    }

    @CacheEvict({ of: () => [Products, 'room'] })
    async ofRoom(_id: string): Promise<void> {}

    @CacheEvict({
      of: () => [Products, 'many'],
      args: (list: Product[]) => [list.map(({ id }) => id), list[0]!.locale],
    })
    async ofMany(_list: Product[]): Promise<void> {}

    @CacheEvict({ of: () => [Products, 'fields'] })
    async ofFields(_query: { readonly ids: readonly string[]; readonly locale: string }): Promise<void> {}
  }

  const a: Product = { id: 'a', locale: 'en' }
  const b: Product = { id: 'b', locale: 'en' }

  test('by the parameters that are marked, or not left out', async () => {
    const products = new Products()
    expect([await products.marked(a, { trace: 1 }, 5), await products.marked(a, {}, 6)]).toEqual(['a 5 1', 'a 6 2'])
    await products.ofMarked({ id: 'a', locale: 'de' })
    expect([await products.marked(a, { trace: 1 }, 5), await products.marked(a, {}, 6)]).toEqual(['a 5 3', 'a 6 2'])
    await products.ignoring('a', { trace: 1 })
    await products.ofIgnoring('a', { trace: 2 })
    expect(await products.ignoring('a', { trace: 3 })).toBe('a 5')
  })

  test('by its key function; not after an error, nor where `unless` says so', async () => {
    const products = new Products()
    expect([await products.keyed(a), await products.keyed(b)]).toEqual(['a 1', 'b 2'])
    await products.ofKeyed({ ...a })
    await products.ofKeyed({ ...b })
    expect([await products.keyed(a), await products.keyed(b)]).toEqual(['a 3', 'b 2'])
    const fails = { id: 'fails', locale: 'en' }
    expect(await products.keyed(fails)).toBe('fails 4')
    await expect(products.ofKeyed(fails)).rejects.toThrow('unchanged')
    expect(await products.keyed(fails)).toBe('fails 4')
  })

  test('after an error that is meant, and before the method', async () => {
    const products = new Products()
    await products.keyed(a)
    await expect(products.failing(a)).rejects.toThrow('failed')
    expect(await products.keyed(a)).toBe('a 2')
    expect(await products.beforehand(a)).toBe(false)
    expect(await products.keyed(a)).toBe('a 3')
  })

  test('as the end of its life, if `condition` says so', async () => {
    const products = new Products()
    await products.keyed(a)
    await products.keyed(b)
    await products.expireKeyed(a)
    await products.expireKeyed(b)
    expect([await products.keyed(a), await products.keyed(b)]).toEqual(['a 3', 'b 2'])
    await products.expireKeyed(a)
    products.isBroken = true
    expect(await products.keyed(a)).toBe('a 3')
  })

  test('of the tenant that the call is made for', async () => {
    const products = new Products()
    await products.room('a')
    tenant = 'blue'
    expect(await products.room('a')).toBe('blue a 2')
    await products.ofRoom('a')
    expect(await products.room('a')).toBe('blue a 3')
    tenant = 'red'
    expect(await products.room('a')).toBe('red a 1')
  })

  test('of a method that takes a list: the entry of each element', async () => {
    const products = new Products()
    await products.many(['a', 'b', 'c'], 'en')
    await products.many(['a'], 'de')
    await products.ofMany([a, b, a])
    expect(await products.many(['a', 'b', 'c'], 'en')).toEqual(['a en 5', 'b en 6', 'c en 3'])
    expect(await products.many(['a'], 'de')).toEqual(['a de 4'])
    await products.fields({ ids: ['a', 'b'], locale: 'en' })
    await products.ofFields({ ids: ['b', 'x'], locale: 'en' })
    expect(await products.fields({ ids: ['a', 'b'], locale: 'en' })).toEqual(['a 7', 'b 9'])
  })

  test('a load that began before is not kept', async () => {
    const slow = gate()
    class Rows {
      source = 'old'

      @Cacheable({ manager })
      async find(_id: string): Promise<string> {
        const read = this.source
        await slow.pass()
        return read
      }

      @CacheEvict({ of: () => [Rows, 'find'] })
      async save(_id: string): Promise<void> {
        this.source = 'new'
      }
    }
    const rows = new Rows()
    const early = rows.find('a')
    await slow.entered
    await rows.save('a')
    slow.open()
    await early
    expect(await rows.find('a')).toBe('new')
  })

  test('in a transaction: when it has committed, and not if it fails', async () => {
    const products = new Products()
    await products.keyed(a)
    await its.caching.transaction(async () => {
      await products.ofKeyed(a)
      expect(await cached(products).keyed.peek(a)).toEqual({ found: false })
    })
    expect(await products.keyed(a)).toBe('a 2')
    const failing = its.caching.transaction(async () => {
      await products.ofKeyed(a)
      throw new Error('rolled back')
    })
    await expect(failing).rejects.toThrow('rolled back')
    expect(await products.keyed(a)).toBe('a 2')
  })

  test('in another process', async () => {
    if (place === 'in process') return
    const [here, there] = [new Products(), (await its.another()).bind(new Products())]
    await here.keyed(a)
    await there.ofKeyed(a)
    await eventually(async () => expect(await here.keyed(a)).toBe('a 2'))
  })
})

describe('what goes wrong with the arguments or the key', () => {
  const its = world('in process')
  const { manager } = its
  let skipped: string[] = []
  beforeEach(() => {
    skipped = []
    its.caching.on('skipped', ({ error }) => skipped.push(error.message))
    quietly()
  })

  class Products {
    calls = 0

    @Cacheable({ manager })
    async find(id: string): Promise<string> {
      return id
    }

    @Cacheable({ manager, cache: 'keyed', key: ({ id }: Product) => id })
    async keyed(product: Product): Promise<string> {
      return product.id
    }

    @CacheableMany({ manager, cache: 'many' })
    async many(ids: readonly string[]): Promise<string[]> {
      return [...ids]
    }

    @CacheEvict({
      of: () => [Products, 'find'],
      args: () => {
        throw new Error('no arguments')
      },
    })
    async throwing(): Promise<string> {
      return 'done'
    }

    @CacheEvict({ of: () => [Products, 'find'], args: (() => 'a') as never })
    async noArray(): Promise<string> {
      return 'done'
    }

    @CacheEvict({ of: () => [Products, 'keyed'], args: () => [undefined as never] })
    async keyThrows(): Promise<string> {
      return 'done'
    }

    @CacheEvict({ of: () => [Products, 'find'], args: () => [Symbol('a') as never] })
    async noKey(): Promise<string> {
      return 'done'
    }

    @CacheEvict({ of: () => [Products, 'many'], args: () => ['a' as never] })
    async noList(): Promise<string> {
      return 'done'
    }

    @CacheEvict({ of: () => [Products, 'find'] })
    async passedOn(_id: string): Promise<void> {
      this.calls++
    }
  }

  test.each([
    ['throwing', '@CacheEvict of Products.throwing was skipped: `args` threw: no arguments'],
    [
      'noArray',
      "@CacheEvict of Products.noArray was skipped: `args` threw: it must answer with an array, the arguments of Products.find, got 'a'",
    ],
    [
      'keyThrows',
      expect.stringMatching(
        /^@CacheEvict of Products\.keyThrows was skipped: `key` in @Cacheable of Products\.keyed threw: Cannot destructure/,
      ) as string,
    ],
    [
      'noKey',
      expect.stringMatching(
        /^@CacheEvict of Products\.noKey was skipped: Products\.find: parameter 1 cannot be part of a cache key: it is a symbol/,
      ) as string,
    ],
    [
      'noList',
      '@CacheEvict of Products.noList was skipped: @CacheableMany of Products.many: its first argument must be an array, got string.',
    ],
  ] as const)('%s: the method has run, and it is told that nothing was evicted', async (name, message) => {
    const products = new Products()
    await products.find('a')
    expect(await products[name]()).toBe('done')
    expect(skipped).toEqual([message])
    expect(await cached(products).find.peek('a')).toMatchObject({ found: true })
  })

  test('arguments passed on that cannot be a key are refused before anything has happened', async () => {
    const products = new Products()
    await expect(products.passedOn((() => {}) as never)).rejects.toMatchObject({ code: 'CW_KEY_UNSUPPORTED' })
    expect(products.calls).toBe(0)
    expect(skipped).toEqual([])
  })

  test('a partition that cannot be told leaves the evict out', async () => {
    const caching = await its.another({
      caches: {
        keyed: {
          partition: () => {
            throw new Error('no tenant')
          },
        },
        'Products.find': {
          partition: () => {
            throw new Error('no tenant')
          },
        },
      },
    })
    caching.on('skipped', ({ error }) => skipped.push(error.message))
    class Writer {
      @CacheEvict({ manager: caching, of: () => [Products, 'keyed'] })
      async write(_product: Product): Promise<string> {
        return 'written'
      }

      @CacheEvict({ manager: caching, of: () => [Products, 'find'] })
      async passOn(_id: string): Promise<string> {
        return 'passed on'
      }
    }
    expect(await new Writer().write({ id: 'a', locale: 'en' })).toBe('written')
    expect(await new Writer().passOn('a')).toBe('passed on')
    expect(skipped).toEqual([
      expect.stringMatching(/^@CacheEvict of Writer\.write was skipped: .*no tenant/),
      expect.stringMatching(/^@CacheEvict of Writer\.passOn was skipped: .*no tenant/),
    ])
  })

  test('a cached function shares a cache with an evict that names a read of it', async () => {
    const rate = cacheFunction(async (product: Product) => product.id, {
      manager,
      cache: 'keyed',
      key: ({ id }: Product) => id,
    })
    class Writer {
      @CacheEvict({ of: () => [Products, 'keyed'] })
      async write(_product: Product): Promise<void> {}
    }
    await rate({ id: 'a', locale: 'en' })
    await new Writer().write({ id: 'a', locale: 'de' })
    expect(await its.caching.cache('keyed').get('a')).toBeUndefined()
  })
})
