import { Cacheable, CacheEvict, type CacheManager, CachePut, Caching, createCacheManager } from 'cachewright'
import { gate } from '../support/gate'
import { warningsDuring } from '../support/warnings'
import { type AnyMethodDecorator, foreign } from './foreign'

let own: CacheManager
const manager = (): CacheManager => own
beforeEach(() => {
  own = createCacheManager()
})
afterEach(() => own.close())

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length === 0) return [[]]
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]))
}

describe('several decorators of one method', () => {
  const orders = permutations(['before', 'put', 'after', 'foreign'])

  test.each(orders)('have their effects in one fixed order: %s, %s, %s, %s', async (...names) => {
    const log: string[] = []
    const known: Record<string, unknown> = {
      before: CacheEvict({ manager, cache: 'before', before: true }),
      put: CachePut({ manager, cache: 'put' }),
      after: CacheEvict({ manager, cache: 'after' }),
      foreign: foreign(log),
    }
    const [a, b, c, d] = names.map((name) => known[name]) as [
      AnyMethodDecorator,
      AnyMethodDecorator,
      AnyMethodDecorator,
      AnyMethodDecorator,
    ]
    class Rows {
      @a
      @b
      @c
      @d
      async save(id: string): Promise<string> {
        log.push('method')
        return `row ${id}`
      }
    }
    own.on('evict', ({ cache }) => log.push(`evict ${cache}`))
    own.on('put', ({ cache }) => log.push(`put ${cache}`))
    expect(await new Rows().save('1')).toBe('row 1')
    expect(log.filter((word) => word !== 'foreign')).toEqual(['evict before', 'method', 'put put', 'evict after'])
    expect(log.filter((word) => word === 'foreign')).toHaveLength(1)
    expect(await own.cache('put').get('1')).toBe('row 1')
  })

  test('read once however they are ordered, and an after-evict does not follow a hit', async () => {
    for (const [a, b] of permutations([
      Cacheable({ manager, cache: 'c' }),
      CacheEvict({ manager, cache: 'other', allEntries: true }),
    ] as const) as unknown as [AnyMethodDecorator, AnyMethodDecorator][]) {
      let calls = 0
      class Rows {
        @a
        @b
        async find(id: string): Promise<string> {
          calls++
          return `row ${id}`
        }
      }
      await own.clear()
      const before = own.cache('other').stats().evictions
      const rows = new Rows()
      expect([await rows.find('1'), await rows.find('1')]).toEqual(['row 1', 'row 1'])
      expect(calls).toBe(1)
      expect(own.cache('other').stats().evictions - before).toBe(1)
    }
  })

  test('an after-evict runs after the call by which two readers were answered, once', async () => {
    const slow = gate<string>()
    class Rows {
      @Cacheable({ manager, cache: 'c' })
      @CacheEvict({ manager, cache: 'other', allEntries: true })
      async find(_id: string): Promise<string> {
        return slow.pass()
      }
    }
    const rows = new Rows()
    const both = [rows.find('1'), rows.find('1')]
    slow.open('row')
    expect(await Promise.all(both)).toEqual(['row', 'row'])
    expect(slow.entries).toBe(1)
    expect(own.cache('other').stats().evictions).toBe(1)
  })

  test('@Caching is the same as writing them one above the other', async () => {
    class Rows {
      @Caching({
        cacheable: [{ manager, cache: 'a' }],
        put: [{ manager, cache: 'b' }],
        evict: [
          { manager, cache: 'c' },
          { manager, cache: 'd', allEntries: true },
        ],
      })
      async save(id: string): Promise<string> {
        return `row ${id}`
      }
    }
    await own.cache('c').put('1', 'old')
    await own.cache('d').put('9', 'old')
    await new Rows().save('1')
    expect(await Promise.all(['a', 'b', 'c'].map((name) => own.cache(name).get('1')))).toEqual([
      'row 1',
      'row 1',
      undefined,
    ])
    expect(await own.cache('d').get('9')).toBeUndefined()
  })

  test('two reads in two caches: one call fills both, each answers', async () => {
    let calls = 0
    class Rows {
      @Cacheable({ manager, cache: 'near' })
      @Cacheable({ manager, cache: 'far' })
      async find(id: string): Promise<string> {
        calls++
        return `row ${id}`
      }
    }
    const rows = new Rows()
    await rows.find('1')
    await own.cache('near').evict('1')
    expect(await rows.find('1')).toBe('row 1')
    expect(calls).toBe(1)
    await own.cache('far').evict('1')
    expect(await rows.find('1')).toBe('row 1')
    // The one that answered gave the other nothing to keep.
    expect(calls).toBe(2)
  })
})

describe("somebody else's decorator", () => {
  test('above ours is called on each call, below ours only with the method', async () => {
    const log: string[] = []
    class Rows {
      @foreign(log, 'above')
      @Cacheable({ manager })
      @foreign(log, 'below')
      async find(id: string): Promise<string> {
        return id
      }
    }
    const rows = new Rows()
    await rows.find('1')
    await rows.find('1')
    expect(log).toEqual(['above', 'below', 'above'])
  })

  test('between ours does not make two wrappers', async () => {
    const log: string[] = []
    class Rows {
      calls = 0

      @CacheEvict({ manager, cache: 'lists', allEntries: true })
      @foreign(log)
      @Cacheable({ manager, cache: 'rows' })
      async find(id: string): Promise<string> {
        this.calls++
        return id
      }
    }
    const rows = new Rows()
    await rows.find('1')
    await rows.find('1')
    expect(rows.calls).toBe(1)
    expect(log).toHaveLength(2)
    expect(own.stats().hits).toBe(1)
    expect(own.cache('lists').stats().evictions).toBe(1)
  })
})

describe('a method', () => {
  test('called by another of its own object goes through the cache', async () => {
    class Rows {
      calls = 0

      @Cacheable({ manager })
      async find(id: string): Promise<string> {
        this.calls++
        return `row ${id}`
      }

      async both(id: string): Promise<string[]> {
        return [await this.find(id), await this.find(id)]
      }
    }
    const rows = new Rows()
    expect(await rows.both('1')).toEqual(['row 1', 'row 1'])
    expect(rows.calls).toBe(1)
  })

  test('that is static has a cache of its own, and `this` is the class', async () => {
    class Rates {
      static calls = 0

      @Cacheable({ manager })
      static async of(currency: string): Promise<string> {
        // biome-ignore lint/complexity/noThisInStatic: the class it is called on is what is tested
        this.calls++
        return `rate of ${currency}`
      }
    }
    expect([await Rates.of('EUR'), await Rates.of('EUR')]).toEqual(['rate of EUR', 'rate of EUR'])
    expect(Rates.calls).toBe(1)
    expect(Object.keys(own.stats().caches)).toEqual(['Rates.of'])
  })

  test('that is static and inherited is cached by the class it is called on', async () => {
    class Repository {
      static table = 'none'

      @Cacheable({ manager })
      static async find(id: string): Promise<string> {
        // biome-ignore lint/complexity/noThisInStatic: the class it is called on is what is tested
        return `${this.table} ${id}`
      }
    }
    class Orders extends Repository {
      static override table = 'orders'
    }
    class Users extends Repository {
      static override table = 'users'
    }
    expect([await Orders.find('1'), await Users.find('1'), await Orders.find('1')]).toEqual([
      'orders 1',
      'users 1',
      'orders 1',
    ])
  })

  test('that is static does not share entries with one of its name that is not', async () => {
    class Rates {
      @Cacheable({ manager })
      static async of(currency: string): Promise<string> {
        return `static ${currency}`
      }

      @Cacheable({ manager })
      async of(currency: string): Promise<string> {
        return `own ${currency}`
      }
    }
    expect([await Rates.of('EUR'), await new Rates().of('EUR')]).toEqual(['static EUR', 'own EUR'])
  })

  test('named by a symbol is cached under its description', async () => {
    const find = Symbol('find')
    class Rows {
      calls = 0

      @Cacheable({ manager })
      async [find](id: string): Promise<string> {
        this.calls++
        return id
      }
    }
    const rows = new Rows()
    await rows[find]('1')
    await rows[find]('1')
    expect(rows.calls).toBe(1)
    expect(Object.keys(own.stats().caches)).toEqual(['Rows.[find]'])
  })

  test('named by a symbol does not share entries with one whose symbol has the same description', async () => {
    const one = Symbol('find')
    const other = Symbol('find')
    class Rows {
      @Cacheable({ manager })
      async [one](id: string): Promise<string> {
        return `one ${id}`
      }

      @Cacheable({ manager })
      async [other](id: string): Promise<string> {
        return `other ${id}`
      }
    }
    const rows = new Rows()
    expect([await rows[one]('1'), await rows[other]('1')]).toEqual(['one 1', 'other 1'])
  })

  test('named by a symbol does not share entries with one of a parent whose symbol has the same description', async () => {
    const one = Symbol('find')
    const other = Symbol('find')
    class Parent {
      @Cacheable({ manager })
      async [one](id: string): Promise<string> {
        return `one ${id}`
      }
    }
    class Child extends Parent {
      @Cacheable({ manager })
      async [other](id: string): Promise<string> {
        return `other ${id}`
      }
    }
    const rows = new Child()
    expect([await rows[one]('1'), await rows[other]('1')]).toEqual(['one 1', 'other 1'])
  })

  test('named by a symbol does not share entries with one whose name looks like that', async () => {
    const find = Symbol('find')
    class Rows {
      @Cacheable({ manager })
      async [find](id: string): Promise<string> {
        return `symbol ${id}`
      }

      @Cacheable({ manager })
      async '[find]'(id: string): Promise<string> {
        return `text ${id}`
      }
    }
    const rows = new Rows()
    expect([await rows[find]('1'), await rows['[find]']('1')]).toEqual(['symbol 1', 'text 1'])
  })

  test('of a symbol that a static one has too keeps its own decorators', async () => {
    const find = Symbol('find')
    class Rows {
      static calls = 0
      calls = 0

      @Cacheable({ manager, cache: 'static' })
      static async [find](id: string): Promise<string> {
        // biome-ignore lint/complexity/noThisInStatic: the class it is called on is what is tested
        this.calls++
        return `static ${id}`
      }

      @Cacheable({ manager, cache: 'own' })
      async [find](id: string): Promise<string> {
        this.calls++
        return `own ${id}`
      }
    }
    const rows = new Rows()
    await rows[find]('1')
    expect([await rows[find]('1'), await Rows[find]('1'), await Rows[find]('1')]).toEqual([
      'own 1',
      'static 1',
      'static 1',
    ])
    expect([rows.calls, Rows.calls]).toEqual([1, 1])
  })

  test('taken off its object is called without one, and disturbs nobody', async () => {
    class Rows {
      @Cacheable({ manager })
      async find(id: string): Promise<string> {
        return `${this === undefined ? 'nobody' : 'object'} ${id}`
      }
    }
    const rows = new Rows()
    const { find } = rows
    expect(await find('1')).toBe('nobody 1')
    expect(await rows.find('1')).toBe('object 1')
    expect(await rows.find('1')).toBe('object 1')
    expect(own.stats().hits).toBe(1)
  })
})

describe('inheritance', () => {
  test('K2: two repositories that inherit one find do not share entries', async () => {
    class Repository {
      readonly table: string = 'none'
      calls = 0

      @Cacheable({ manager })
      async findOne(id: number): Promise<string> {
        this.calls++
        return `${this.table} ${id}`
      }
    }
    class OrderRepo extends Repository {
      override readonly table = 'orders'
    }
    class UserRepo extends Repository {
      override readonly table = 'users'
    }
    const [orders, users] = [new OrderRepo(), new UserRepo()]
    for (let round = 0; round < 2; round++) {
      expect(await orders.findOne(1)).toBe('orders 1')
      expect(await users.findOne(1)).toBe('users 1')
    }
    expect([orders.calls, users.calls]).toEqual([1, 1])
    expect(Object.keys(own.stats().caches)).toEqual(['OrderRepo.findOne', 'UserRepo.findOne'])
  })

  test('K2: two classes with a method of one name each', async () => {
    class OrderRepo {
      @Cacheable({ manager })
      async findOne(id: number): Promise<string> {
        return `order ${id}`
      }
    }
    class UserRepo {
      @Cacheable({ manager })
      async findOne(id: number): Promise<string> {
        return `user ${id}`
      }
    }
    expect([await new OrderRepo().findOne(1), await new UserRepo().findOne(1)]).toEqual(['order 1', 'user 1'])
  })

  test('with a cache name they do share entries', async () => {
    class Repository {
      @Cacheable({ manager, cache: 'all' })
      async find(id: number): Promise<string> {
        return `${this.constructor.name} ${id}`
      }
    }
    class Orders extends Repository {}
    class Users extends Repository {}
    expect([await new Orders().find(1), await new Users().find(1)]).toEqual(['Orders 1', 'Orders 1'])
  })

  test('an override that is not decorated is not cached', async () => {
    class Parent {
      @Cacheable({ manager })
      async find(id: string): Promise<string> {
        return id
      }
    }
    class Child extends Parent {
      calls = 0

      override async find(id: string): Promise<string> {
        this.calls++
        return `child ${await super.find(id)}`
      }
    }
    const child = new Child()
    expect([await child.find('1'), await child.find('1')]).toEqual(['child 1', 'child 1'])
    expect(child.calls).toBe(2)
    expect(own.stats().hits).toBe(1)
  })

  test('an override that calls super runs both, each with a cache of its own', async () => {
    const log: string[] = []
    class Parent {
      @Cacheable({ manager })
      async find(id: string): Promise<string> {
        log.push('parent')
        return `parent ${id}`
      }
    }
    class Child extends Parent {
      @Cacheable({ manager })
      override async find(id: string): Promise<string> {
        log.push('child')
        return `child of ${await super.find(id)}`
      }
    }
    const [parent, child] = [new Parent(), new Child()]
    for (let round = 0; round < 2; round++) {
      expect(await child.find('1')).toBe('child of parent 1')
      expect(await parent.find('1')).toBe('parent 1')
    }
    // Called by super, the method belongs to another class of objects than called on a Parent.
    expect(log).toEqual(['child', 'parent', 'parent'])
    expect(Object.keys(own.stats().caches).toSorted()).toEqual(['Child(Parent).find', 'Child.find', 'Parent.find'])
  })

  test('three generations, each calling super', async () => {
    class A {
      @Cacheable({ manager })
      async find(id: string): Promise<string> {
        return `a${id}`
      }
    }
    class B extends A {
      @Cacheable({ manager })
      override async find(id: string): Promise<string> {
        return `b${await super.find(id)}`
      }
    }
    class C extends B {
      @Cacheable({ manager })
      override async find(id: string): Promise<string> {
        return `c${await super.find(id)}`
      }
    }
    const all = [new C(), new B(), new A(), new C(), new B(), new A()]
    expect(await Promise.all(all.map((its) => its.find('1')))).toEqual(['cba1', 'ba1', 'a1', 'cba1', 'ba1', 'a1'])
    for (const its of all) expect(await its.find('1')).toMatch(/a1$/)
    expect(await new C().find('1')).toBe('cba1')
  })

  test('an override that calls super with the same cache and key neither hangs nor mixes', async () => {
    class Parent {
      @Cacheable({ manager, cache: 'one' })
      async find(id: string): Promise<string> {
        return `parent ${id}`
      }
    }
    class Child extends Parent {
      calls = 0

      @Cacheable({ manager, cache: 'one' })
      override async find(id: string): Promise<string> {
        this.calls++
        return `child of ${await super.find(id)}`
      }
    }
    const child = new Child()
    expect(await Promise.all([child.find('1'), child.find('1')])).toEqual(['child of parent 1', 'child of parent 1'])
    expect(await child.find('1')).toBe('child of parent 1')
    expect(child.calls).toBe(1)
  })

  test('an override that waits before it calls super with the same cache and key does not hang either', async () => {
    const slow = gate()
    class Parent {
      @Cacheable({ manager, cache: 'one' })
      async find(id: string): Promise<string> {
        return `parent ${id}`
      }
    }
    class Child extends Parent {
      @Cacheable({ manager, cache: 'one' })
      override async find(id: string): Promise<string> {
        await slow.pass()
        return `child of ${await super.find(id)}`
      }
    }
    const child = new Child()
    const answers = [child.find('1'), child.find('1')]
    await slow.entered
    slow.open()
    expect(await Promise.all(answers)).toEqual(['child of parent 1', 'child of parent 1'])
  })

  test('an override adds operations of its own and leaves the parent as it was', async () => {
    class Parent {
      @Cacheable({ manager, cache: 'p' })
      async find(id: string): Promise<string> {
        return `parent ${id}`
      }
    }
    class Child extends Parent {
      @CacheEvict({ manager, cache: 'other', allEntries: true })
      override async find(id: string): Promise<string> {
        return `child ${id}`
      }
    }
    await new Parent().find('1')
    await new Parent().find('1')
    expect(own.stats().caches.other).toBeUndefined()
    await new Child().find('1')
    expect(own.cache('other').stats().evictions).toBe(1)
    expect(own.cache('p').stats().hits).toBe(1)
  })
})

describe('loads that need each other', () => {
  test('two methods in a cycle, with one key, do not wait for themselves', async () => {
    class Rows {
      rounds = 0

      @Cacheable({ manager, cache: 'one', key: () => 'k' })
      async a(): Promise<string> {
        if (this.rounds++ > 0) return 'end'
        return `a(${await this.b()})`
      }

      @Cacheable({ manager, cache: 'one', key: () => 'k' })
      async b(): Promise<string> {
        return `b(${await this.a()})`
      }
    }
    const rows = new Rows()
    expect(await rows.a()).toBe('a(b(end))')
    expect(await rows.b()).toBe('a(b(end))')
  })

  test('two loads that wait for each other from both sides do not either', async () => {
    const start = gate()
    class Rows {
      depth = 0

      @Cacheable({ manager, cache: 'a' })
      async a(): Promise<string> {
        await start.pass()
        return this.depth++ > 3 ? 'end' : `a(${await this.b()})`
      }

      @Cacheable({ manager, cache: 'b' })
      async b(): Promise<string> {
        await start.pass()
        return this.depth++ > 3 ? 'end' : `b(${await this.a()})`
      }
    }
    const rows = new Rows()
    const both = [rows.a(), rows.b()]
    await start.entered
    start.open()
    const [a, b] = await Promise.all(both)
    expect(a).toMatch(/^a\(.*end\)+$/)
    expect(b).toMatch(/^b\(.*end\)+$/)
  })

  test('a method that calls itself with another key is cached at every step', async () => {
    class Numbers {
      calls = 0

      @Cacheable({ manager })
      async fibonacci(n: number): Promise<number> {
        this.calls++
        return n < 2 ? n : (await this.fibonacci(n - 1)) + (await this.fibonacci(n - 2))
      }
    }
    const numbers = new Numbers()
    expect(await numbers.fibonacci(30)).toBe(832_040)
    expect(numbers.calls).toBe(31)
  })
})

describe('two classes of one name', () => {
  const twin = (word: string) => {
    class Rows {
      calls = 0

      @Cacheable({ manager })
      async find(id: string): Promise<string> {
        this.calls++
        return `${word} ${id}`
      }
    }
    return new Rows()
  }

  test('never mix their values: the second is not cached, and that is said once', async () => {
    const [one, other] = [twin('one'), twin('other')]
    const warnings = await warningsDuring(async () => {
      for (let round = 0; round < 3; round++) {
        expect(await one.find('1')).toBe('one 1')
        expect(await other.find('1')).toBe('other 1')
      }
    })
    expect([one.calls, other.calls]).toEqual([1, 3])
    expect(warnings).toEqual([
      {
        type: 'CachewrightWarning',
        code: 'CW_DEFINITION_CONFLICT',
        message: expect.stringMatching(/Two classes .*'Rows\.find'.*`cache`/) as string,
      },
    ])
  })

  test('one named like its parent', async () => {
    const Base = (() => {
      class Rows {
        @Cacheable({ manager })
        async find(id: string): Promise<string> {
          return `parent ${id}`
        }
      }
      return Rows
    })()
    class Rows extends Base {
      @Cacheable({ manager })
      override async find(id: string): Promise<string> {
        return `child of ${await super.find(id)}`
      }
    }
    const [child, parent] = [new Rows(), new Base()]
    await warningsDuring(async () => {
      for (let round = 0; round < 2; round++) {
        expect(await child.find('1')).toBe('child of parent 1')
        expect(await parent.find('1')).toBe('parent 1')
      }
    })
  })

  test('classes without a name', async () => {
    const make = (word: string) => {
      class Rows {
        static readonly name = ''

        @Cacheable({ manager })
        async find(id: string): Promise<string> {
          return `${word} ${id}`
        }
      }
      return new Rows()
    }
    const [one, other] = [make('one'), make('other')]
    await warningsDuring(async () => {
      expect([await one.find('1'), await other.find('1'), await one.find('1')]).toEqual(['one 1', 'other 1', 'one 1'])
    })
  })
})
