import {
  Cacheable,
  CacheEvict,
  CacheIgnore,
  CacheKey,
  type CacheManager,
  CachePut,
  createCacheManager,
} from 'cachewright'

let own: CacheManager
const manager = (): CacheManager => own
beforeEach(() => {
  own = createCacheManager()
})
afterEach(() => own.close())

interface Order {
  readonly id: number
  readonly customer: { readonly id: string; readonly name: string }
}
const order = (id: number, customer: string, name = ''): Order => ({ id, customer: { id: customer, name } })

describe('parameters that make the key', () => {
  test('@CacheKey: only those, in their order', async () => {
    class Rows {
      @Cacheable({ manager, cache: 'c' })
      async find(@CacheKey() a: string, _b: string, @CacheKey() c: string): Promise<string> {
        return a + c
      }
    }
    await new Rows().find('a', 'b', 'c')
    expect(await new Rows().find('a', 'x', 'c')).toBe('ac')
    expect(own.stats().hits).toBe(1)
    expect(await own.cache('c').get(['a', 'c'])).toBe('ac')
  })

  test('@CacheKey with a path: that part of the argument, and undefined where there is none', async () => {
    class Rows {
      @Cacheable({ manager, cache: 'c' })
      async of(@CacheKey('customer.id') its: Order | undefined): Promise<string> {
        return its?.customer.id ?? 'nobody'
      }
    }
    const rows = new Rows()
    await rows.of(order(1, 'ann', 'Ann'))
    expect(await rows.of(order(2, 'ann', 'Anne'))).toBe('ann')
    expect(await rows.of(order(1, 'bob'))).toBe('bob')
    expect(await rows.of(undefined)).toBe('nobody')
    expect(await own.cache('c').get('ann')).toBe('ann')
    expect(own.cache('c').stats()).toMatchObject({ misses: 3, hits: 2 })
  })

  test('@CacheKey twice on one parameter: both parts, as they are written', async () => {
    class Rows {
      @Cacheable({ manager, cache: 'c' })
      async of(@CacheKey('id') @CacheKey('customer.id') its: Order): Promise<number> {
        return its.id
      }
    }
    await new Rows().of(order(1, 'ann'))
    expect(await own.cache('c').get([1, 'ann'])).toBe(1)
  })

  test('@CacheIgnore: all but those', async () => {
    class Rows {
      @Cacheable({ manager, cache: 'c' })
      async find(a: string, @CacheIgnore() _trace: () => void, c?: string): Promise<string> {
        return a + (c ?? '')
      }
    }
    const rows = new Rows()
    await rows.find('a', () => {})
    await rows.find('a', () => {}, undefined)
    await rows.find('a', () => {}, 'c')
    expect(own.stats()).toMatchObject({ hits: 1, misses: 2 })
    expect(await own.cache('c').get(['a', 'c'])).toBe('ac')
  })

  test('@CacheKey beside @CacheIgnore on another parameter', async () => {
    class Rows {
      @Cacheable({ manager, cache: 'c' })
      async find(@CacheKey() a: string, @CacheIgnore() _b: object, _c: string): Promise<string> {
        return a
      }
    }
    await new Rows().find('a', {}, '1')
    await new Rows().find('a', {}, '2')
    expect(own.stats().hits).toBe(1)
  })

  test('hold for every operation of the method', async () => {
    class Rows {
      @CachePut({ manager, cache: 'put' })
      @CacheEvict({ manager, cache: 'evict' })
      async save(@CacheKey('id') its: Order, _trace: string): Promise<string> {
        return its.customer.id
      }
    }
    await own.cache('evict').put(1, 'old')
    await new Rows().save(order(1, 'ann'), 'trace')
    expect(await own.cache('put').get(1)).toBe('ann')
    expect(await own.cache('evict').get(1)).toBeUndefined()
  })

  test('of a static method', async () => {
    class Rows {
      @Cacheable({ manager, cache: 'c' })
      static async find(@CacheKey() a: string, _b: number): Promise<string> {
        return a
      }
    }
    await Rows.find('a', 1)
    await Rows.find('a', 2)
    expect(own.stats().hits).toBe(1)
  })

  test('of a method named by a symbol', async () => {
    const find = Symbol('find')
    class Rows {
      @Cacheable({ manager, cache: 'c' })
      async [find](@CacheKey() a: string, _b: number): Promise<string> {
        return a
      }
    }
    await new Rows()[find]('a', 1)
    await new Rows()[find]('a', 2)
    expect(own.stats().hits).toBe(1)
  })

  test('of an override are its own: those of the parent are neither inherited nor changed', async () => {
    class Parent {
      @Cacheable({ manager, cache: 'parent' })
      async find(@CacheKey() a: string, _b: string): Promise<string> {
        return a
      }
    }
    class Child extends Parent {
      @Cacheable({ manager, cache: 'child' })
      override async find(a: string, @CacheKey() b: string): Promise<string> {
        return a + b
      }
    }
    await new Parent().find('a', 'b')
    await new Child().find('a', 'b')
    expect(await own.cache('parent').get('a')).toBe('a')
    expect(await own.cache('child').get('b')).toBe('ab')
  })

  test('that cannot be a key name class, method and parameter', async () => {
    class Rows {
      @Cacheable({ manager })
      async find(_id: string, filter: unknown): Promise<string> {
        return String(filter)
      }
    }
    const answer = new Rows().find('1', { by: { test: () => true } })
    await expect(answer).rejects.toThrow(TypeError)
    await expect(answer).rejects.toMatchObject({
      code: 'CW_KEY_UNSUPPORTED',
      message: expect.stringMatching(/Rows\.find: parameter 2 \(\.by\.test\)/) as string,
    })
  })
})

const thrown = (define: () => unknown): { code?: string; message: string } => {
  try {
    define()
  } catch (error) {
    return error as { code?: string; message: string }
  }
  throw new Error('nothing was thrown')
}

describe('when the class is defined', () => {
  test.each<[string, unknown]>([
    ['an empty path', ''],
    ['a path with a hole', 'a..b'],
    ['a path that ends in a dot', 'a.'],
    ['a number', 5],
    ['null', null],
  ])('@CacheKey refuses %s', (_what, path) => {
    expect(thrown(() => CacheKey(path as string))).toMatchObject({
      code: 'CW_OPTION_INVALID',
      message: expect.stringContaining('@CacheKey') as string,
    })
  })

  test.each([
    ['above', [CacheKey(), CacheIgnore()]],
    ['below', [CacheIgnore(), CacheKey()]],
  ] as const)('@CacheKey and @CacheIgnore on one parameter contradict, %s', (_what, [a, b]) => {
    const error = thrown(() => {
      class Rows {
        @Cacheable({ manager })
        async find(_first: string, @a @b second: string): Promise<string> {
          return second
        }
      }
      return Rows
    })
    expect(error).toMatchObject({
      code: 'CW_OPTIONS_CONTRADICT',
      message: expect.stringMatching(/Rows\.find: parameter 2/) as string,
    })
  })

  test.each(['@CacheKey', '@CacheIgnore'])('%s on a parameter of the constructor is misplaced', (name) => {
    const mark = name === '@CacheKey' ? CacheKey() : CacheIgnore()
    const error = thrown(() => {
      class Rows {
        constructor(@mark readonly id: string) {}
      }
      return Rows
    })
    expect(error).toMatchObject({ code: 'CW_DECORATOR_MISPLACED', message: expect.stringContaining(name) as string })
  })

  test.each(['key', 'resultKey'] as const)('@CacheKey and `%s` contradict', (option) => {
    const error = thrown(() => {
      class Rows {
        @CachePut({ manager, [option]: () => 'k' })
        async find(@CacheKey() id: string): Promise<string> {
          return id
        }
      }
      return Rows
    })
    expect(error).toMatchObject({
      code: 'CW_OPTIONS_CONTRADICT',
      message: expect.stringMatching(new RegExp(`@CachePut of Rows\\.find.*\`${option}\`.*@CacheKey`)) as string,
    })
  })

  describe('the types of parameters are looked at', () => {
    const refused = (define: () => unknown) =>
      expect(thrown(define)).toMatchObject({
        code: 'CW_KEY_UNSUPPORTED',
        message: expect.stringMatching(/Rows\.find: parameter 2 is a (Function|Symbol|Promise|WeakMap)/) as string,
      })

    test('a function', () =>
      refused(() => {
        class Rows {
          @Cacheable({ manager })
          async find(id: string, _use: () => void): Promise<string> {
            return id
          }
        }
        return Rows
      }))

    test('a symbol', () =>
      refused(() => {
        class Rows {
          @Cacheable({ manager })
          async find(id: string, _use: symbol): Promise<string> {
            return id
          }
        }
        return Rows
      }))

    test('a promise', () =>
      refused(() => {
        class Rows {
          @CachePut({ manager })
          async find(id: string, _use: Promise<string>): Promise<string> {
            return id
          }
        }
        return Rows
      }))

    test('a weak map, under an evict of one key', () =>
      refused(() => {
        class Rows {
          @CacheEvict({ manager })
          async find(id: string, _use: WeakMap<object, string>): Promise<string> {
            return id
          }
        }
        return Rows
      }))

    test('not where they are not part of the key', async () => {
      class Rows {
        @Cacheable({ manager, cache: 'c' })
        async ignored(id: string, @CacheIgnore() _use: () => void): Promise<string> {
          return id
        }

        @Cacheable({ manager, cache: 'c' })
        async unmarked(@CacheKey() id: string, _use: symbol): Promise<string> {
          return id
        }

        @Cacheable({ manager, cache: 'c', key: (id: string) => id })
        async byFunction(id: string, _use: () => void): Promise<string> {
          return id
        }

        @CacheEvict({ manager, cache: 'c', allEntries: true })
        async everything(_use: () => void): Promise<void> {}

        @CacheEvict({ manager, cache: 'c', tags: ['t'] })
        async tagged(_use: () => void): Promise<void> {}

        @Cacheable({ manager, cache: 'c' })
        async picked(@CacheKey('name') use: () => void): Promise<string> {
          return use.name
        }
      }
      await new Rows().everything(() => {})
      await new Rows().tagged(() => {})
      expect(await new Rows().picked(function picked() {})).toBe('picked')
    })
  })
})
