import { Cacheable, CacheConfig, CacheEvict, CacheKey, CachePut, createCacheManager } from 'cachewright'
import { gate } from '../../support/gate'
import { places, quietly, world } from './world'

// Spring core, what is read and what is kept: C1–C3, C9–C19, C29–C46, C49–C51.

afterEach(() => void jest.restoreAllMocks())

describe.each(places)('a reading method, cached %s', (place) => {
  const its = world(place)
  const { manager } = its

  test('C1 is called once for one argument, and every hit is the same object', async () => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'c' })
      async find(id: string): Promise<{ id: string }> {
        this.calls++
        return { id }
      }
    }
    const service = new Service()
    const [first, second, third] = [await service.find('a'), await service.find('a'), await service.find('a')]
    expect(first).toEqual({ id: 'a' })
    expect(second).toBe(third)
    expect(service.calls).toBe(1)
  })

  test.each([
    ['null', null],
    ['undefined', undefined],
  ])('C2 C36 that answers %s is not called again, and the entry is there', async (_name, nothing) => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'c' })
      async find(_id: string): Promise<null | undefined> {
        this.calls++
        return nothing
      }
    }
    const service = new Service()
    expect(await service.find('a')).toBe(nothing)
    expect(await service.find('a')).toBe(nothing)
    expect(service.calls).toBe(1)
    expect(await its.caching.cache('c').lookup('a')).toEqual({ found: true, value: nothing })
    expect(await its.caching.cache('c').lookup('b')).toEqual({ found: false })
  })

  test('C3 C10 C93 is called once for all who ask together, whether they ask it or its cache', async () => {
    const slow = gate<string | null>()
    class Service {
      @Cacheable({ manager, cache: 'c', condition: (id: number) => id !== 4 })
      async find(_id: number): Promise<string | null> {
        return slow.pass()
      }
    }
    const service = new Service()
    const cache = its.caching.cache('c')
    const asked: Promise<unknown>[] = [service.find(3), service.find(3)]
    await slow.entered
    asked.push(
      cache.getOrLoad(3, () => 'another façade'),
      service.find(3),
    )
    slow.open(null)
    expect(await Promise.all(asked)).toEqual([null, null, null, null])
    expect(slow.entries).toBe(1)
    await Promise.all([service.find(4), service.find(4)])
    expect(slow.entries).toBe(3)
  })

  test('C9 C29 is not looked up, nor kept, for arguments its condition leaves out', async () => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'c', condition: (id: number) => id === 3 })
      async find(id: number): Promise<number> {
        this.calls++
        return id
      }
    }
    const service = new Service()
    const events: unknown[] = []
    its.caching.on('miss', (event) => events.push(event))
    await service.find(4)
    await service.find(4)
    expect(service.calls).toBe(2)
    expect(events).toEqual([])
    expect(its.caching.cache('c').stats()).toMatchObject({ hits: 0, misses: 0, local: { hits: 0, misses: 0, size: 0 } })
    expect(await its.caching.cache('c').lookup(4)).toEqual({ found: false })
    await service.find(3)
    await service.find(3)
    expect(service.calls).toBe(3)
  })

  test('C11 C35 C41 does not keep a result that `unless` names, and asks it of what the promise holds', async () => {
    const seen: unknown[] = []
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'c', unless: (result: { n: number }) => seen.push(result) > 0 && result.n > 10 })
      async find(n: number): Promise<{ n: number }> {
        this.calls++
        return { n }
      }
    }
    const service = new Service()
    expect(await Promise.all([service.find(10), service.find(10), service.find(11), service.find(11)])).toEqual([
      { n: 10 },
      { n: 10 },
      { n: 11 },
      { n: 11 },
    ])
    expect(service.calls).toBe(2)
    await service.find(10)
    await service.find(11)
    expect(service.calls).toBe(3)
    expect(seen).toEqual([{ n: 10 }, { n: 11 }, { n: 11 }])
    expect(await its.caching.cache('c').lookup(11)).toEqual({ found: false })
  })

  test('C12 C16 C54 takes its key from a function, or from the marked parameters alone', async () => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'c', key: (first: number) => first })
      async byFunction(first: number, second: number): Promise<number> {
        this.calls++
        return first * 10 + second
      }
      @Cacheable({ manager, cache: 'c' })
      async byMark(_trace: string, @CacheKey() first: number): Promise<number> {
        this.calls++
        return first
      }
    }
    const service = new Service()
    expect([await service.byFunction(5, 1), await service.byFunction(5, 2)]).toEqual([51, 51])
    expect(service.calls).toBe(1)
    await service.byFunction(1, 5)
    await service.byFunction(2, 5)
    expect(service.calls).toBe(3)
    // Another method, the same key.
    expect(await service.byMark('x', 5)).toBe(51)
    expect(service.calls).toBe(3)
  })

  test('C13 takes each of a variable number of arguments into its key', async () => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'c' })
      async sum(...all: number[]): Promise<number> {
        this.calls++
        return all.reduce((a, b) => a + b, 0)
      }
    }
    const service = new Service()
    expect([await service.sum(1, 2, 3), await service.sum(1, 2, 3), await service.sum(1, 2)]).toEqual([6, 6, 3])
    expect(service.calls).toBe(2)
  })

  test('C14 C15 keys are functions: one that says the method and the class is an entry under that key', async () => {
    class Reports {
      calls = 0
      @Cacheable({ manager, cache: 'c', key: () => 'all' })
      async all(_any: number): Promise<number> {
        return ++this.calls
      }
      @Cacheable({ manager, cache: 'c', key: () => ['Reports', 'both'] })
      async both(): Promise<number> {
        return ++this.calls
      }
    }
    const reports = new Reports()
    await reports.all(1)
    await reports.all(2)
    await reports.both()
    expect(reports.calls).toBe(2)
    expect(await its.caching.cache('c').get('all')).toBe(1)
    expect(await its.caching.cache('c').get(['Reports', 'both'])).toBe(2)
  })

  test('C17 uses the manager it names, and no other', async () => {
    const other = await its.another({ prefix: 'other' })
    class Service {
      @Cacheable({ cache: 'c', manager: () => other })
      async find(id: string): Promise<string> {
        return id
      }
    }
    const service = new Service()
    await service.find('a')
    expect(await other.cache('c').get('a')).toBe('a')
    expect(await its.caching.cache('c').lookup('a')).toEqual({ found: false })
    class Lost {
      @Cacheable({ cache: 'c', manager: () => undefined as never })
      async find(id: string): Promise<string> {
        return id
      }
    }
    const lost = new Lost()
    await expect(lost.find('a')).rejects.toMatchObject({ code: 'CW_OPTION_INVALID' })
  })

  test('C18 takes null for an argument like any other', async () => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'c' })
      async find(_id: string | null): Promise<number> {
        return ++this.calls
      }
    }
    const service = new Service()
    expect([await service.find(null), await service.find(null), await service.find('null')]).toEqual([1, 1, 2])
  })

  test.each([
    ['an Error', new Error('no row')],
    ['an error of another class', new RangeError('too far')],
    ['no error at all', 'a text'],
  ])('C19 C38 that fails with %s: the very thing reaches the caller, and nothing is kept', async (_name, thrown) => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'c' })
      async find(_id: string): Promise<string> {
        this.calls++
        throw thrown
      }
    }
    const service = new Service()
    for (const attempt of [1, 2]) {
      await expect(service.find('a').catch((error: unknown) => Promise.reject([error]))).rejects.toEqual([thrown])
      expect(service.calls).toBe(attempt)
    }
    const caught: unknown = await service.find('a').catch((error: unknown) => error)
    expect(caught).toBe(thrown)
    expect(await its.caching.cache('c').lookup('a')).toEqual({ found: false })
  })

  test('C22 C42 looks in each of its caches, and is called once to fill them all', async () => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: ['one', 'two'] })
      async find(id: string): Promise<string> {
        this.calls++
        return id
      }
    }
    const service = new Service()
    await Promise.all([service.find('a'), service.find('a')])
    expect(service.calls).toBe(1)
    for (const name of ['one', 'two']) expect(await its.caching.cache(name).get('a')).toBe('a')
    await its.caching.cache('one').evict('a')
    await service.find('a')
    expect(service.calls).toBe(1)
    // What one cache answers with is not kept by another: it would begin a second life there.
    expect((await its.caching.cache('one').lookup('a')).found).toBe(false)
    await its.caching.cache('two').evict('a')
    await service.find('a')
    expect(service.calls).toBe(2)
  })

  test('C30 a hit is one question to one cache', async () => {
    class Service {
      @Cacheable({ manager, cache: ['one', 'two'] })
      async find(id: string): Promise<string> {
        return id
      }
    }
    const service = new Service()
    await service.find('a')
    const before = its.caching.stats().caches
    await service.find('a')
    const { one, two } = its.caching.stats().caches
    expect(one).toMatchObject({ hits: before.one!.hits + 1, misses: before.one!.misses })
    expect(two).toEqual(before.two)
  })

  test('C31 C44 with two complementary `unless`, only the one that wants the result keeps it, and it hits', async () => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'even', unless: (n: number) => n % 2 === 1 })
      @Cacheable({ manager, cache: 'odd', unless: (n: number) => n % 2 === 0 })
      async find(n: number): Promise<number> {
        this.calls++
        return n
      }
    }
    const service = new Service()
    for (const n of [1, 2, 1, 2]) expect(await service.find(n)).toBe(n)
    expect(service.calls).toBe(2)
    const found = async (cache: string, key: number): Promise<boolean> =>
      (await its.caching.cache(cache).lookup(key)).found
    expect([await found('even', 1), await found('even', 2), await found('odd', 1), await found('odd', 2)]).toEqual([
      false,
      true,
      true,
      false,
    ])
  })

  test('C34 keeps what the promise held, and a hit is an equal value', async () => {
    const value = { at: new Date(5), tags: new Set(['x']) }
    class Service {
      @Cacheable({ manager, cache: 'c' })
      async find(): Promise<typeof value> {
        return value
      }
    }
    const service = new Service()
    await service.find()
    expect(await service.find()).toStrictEqual(value)
    expect(await its.caching.cache('c').get([])).toStrictEqual(value)
  })

  test('C39 that answers a stream is called each time: a stream can be consumed once, so it is never kept', async () => {
    quietly()
    class Service {
      @Cacheable({ manager, cache: 'c' })
      async list(): Promise<AsyncGenerator<number>> {
        return (async function* () {
          yield* [1, 2, 3]
        })()
      }
    }
    const service = new Service()
    const refused: string[] = []
    its.caching.on('refused', ({ error }) => refused.push(error.code))
    const [first] = [await service.list()]
    expect((await first.next()).value).toBe(1)
    const all: number[] = []
    for await (const n of await service.list()) all.push(n)
    expect(all).toEqual([1, 2, 3])
    expect(refused).toEqual(['CW_VALUE_UNSUPPORTED', 'CW_VALUE_UNSUPPORTED'])
  })

  test('C40 is cached in subclasses that inherit it; an override without a decorator is not', async () => {
    class Base {
      calls = 0
      @Cacheable({ manager, cache: 'c', key: (id: string) => id })
      async find(_id: string): Promise<number> {
        return ++this.calls
      }
    }
    class Inheriting extends Base {}
    class Overriding extends Base {
      override async find(_id: string): Promise<number> {
        return ++this.calls
      }
    }
    const [inheriting, overriding] = [new Inheriting(), new Overriding()]
    expect([await inheriting.find('a'), await inheriting.find('a')]).toEqual([1, 1])
    expect([await overriding.find('a'), await overriding.find('a')]).toEqual([1, 2])
  })

  test('C43 may carry an evict as well, and still is called once for all who ask together', async () => {
    const slow = gate<string>()
    class Service {
      @Cacheable({ manager, cache: 'c' })
      @CacheEvict({ manager, cache: 'other', allEntries: true })
      async find(_id: string): Promise<string> {
        return slow.pass()
      }
    }
    const service = new Service()
    await its.caching.cache('other').put('x', 1)
    const asked = [service.find('a'), service.find('a'), service.find('a')]
    await slow.entered
    slow.open('value')
    expect(await Promise.all(asked)).toEqual(['value', 'value', 'value'])
    expect(slow.entries).toBe(1)
    expect(await its.caching.cache('other').lookup('x')).toEqual({ found: false })
  })

  test('C49 with a put keyed by the result always is called; the read’s key keeps the first value', async () => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'c' })
      @CachePut({ manager, cache: 'c', resultKey: (result: number) => ['result', result] })
      async next(_id: string): Promise<number> {
        return ++this.calls
      }
    }
    const service = new Service()
    expect([await service.next('a'), await service.next('a')]).toEqual([1, 2])
    const cache = its.caching.cache('c')
    expect(await cache.get('a')).toBe(1)
    expect([await cache.get(['result', 1]), await cache.get(['result', 2])]).toEqual([1, 2])
  })

  test('C50 has one key for no arguments, an argument’s own for one, and order and null count', async () => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'c' })
      async find(..._args: unknown[]): Promise<number> {
        return ++this.calls
      }
    }
    const service = new Service()
    const different = [[], ['a'], [['a', 'b']], ['a', 'b'], ['b', 'a'], ['a', null], [null]]
    for (const args of different) await service.find(...args)
    expect(service.calls).toBe(different.length)
    for (const args of structuredClone(different)) await service.find(...args)
    expect(service.calls).toBe(different.length)
    const cache = its.caching.cache('c')
    expect([await cache.get([]), await cache.get('a'), await cache.get(['a', 'b'])]).toEqual([1, 2, 4])
  })

  test('C51 the class says what the method leaves out, field by field; the nearest class is asked, whole', async () => {
    const other = await its.another({ prefix: 'other' })
    @CacheConfig({ cache: 'general', manager, ttl: '10s' })
    class Base {
      calls = 0
      @Cacheable()
      async asTheClassSays(_id: string): Promise<number> {
        return ++this.calls
      }
      @Cacheable({ cache: 'own', ttl: '2s' })
      async asItSays(_id: string): Promise<number> {
        return ++this.calls
      }
    }
    @CacheConfig({ cache: 'near', manager: () => other })
    class Near extends Base {}
    const base = new Base()
    await base.asTheClassSays('a')
    await base.asItSays('a')
    expect(await its.caching.cache('general').get('a')).toBe(1)
    expect(await its.caching.cache('own').get('a')).toBe(2)
    await its.clock.advance(2_000)
    expect((await its.caching.cache('general').lookup('a')).found).toBe(true)
    expect((await its.caching.cache('own').lookup('a')).found).toBe(false)

    const near = new Near()
    await near.asTheClassSays('b')
    expect((await other.cache('near').lookup('b')).found).toBe(true)
    expect((await its.caching.cache('general').lookup('b')).found).toBe(false)
  })

  test('C103 a key or a condition that throws takes its operation out of the call, and says so', async () => {
    quietly()
    const skipped: string[] = []
    its.caching.on('skipped', ({ error }) => skipped.push(error.code))
    const throwing = (): never => {
      throw new Error('a mistake')
    }
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'c', key: throwing })
      async byKey(): Promise<number> {
        return ++this.calls
      }
      @Cacheable({ manager, cache: 'c', condition: throwing })
      async byCondition(): Promise<number> {
        return ++this.calls
      }
    }
    const service = new Service()
    expect([await service.byKey(), await service.byKey(), await service.byCondition()]).toEqual([1, 2, 3])
    expect(skipped).toEqual(['CW_FUNCTION_FAILED', 'CW_FUNCTION_FAILED', 'CW_FUNCTION_FAILED'])
  })

  test('C103 so does a partition that has no answer, with whichever kind of key', async () => {
    quietly()
    const own = await its.another({ caches: { tenants: { partition: () => undefined } } })
    class Service {
      calls = 0
      @Cacheable({ manager: () => own, cache: 'tenants', key: (id: string) => id })
      async byFunction(_id: string): Promise<number> {
        return ++this.calls
      }
      @Cacheable({ manager: () => own, cache: 'tenants' })
      async byArguments(@CacheKey() _id: string): Promise<number> {
        return ++this.calls
      }
    }
    const service = new Service()
    expect([await service.byFunction('a'), await service.byFunction('a')]).toEqual([1, 2])
    expect([await service.byArguments('a'), await service.byArguments('a')]).toEqual([3, 4])
  })
})

describe('what is refused when the class is defined', () => {
  test('C32 caches have names: none, or an empty one, is an error that names the method', () => {
    for (const cache of ['', []]) {
      expect(() => {
        class Nameless {
          @Cacheable({ cache })
          async find(): Promise<number> {
            return 1
          }
        }
        return Nameless
      }).toThrow(/@Cacheable of Nameless\.find: option `cache` must be a cache name/)
    }
  })

  test('C51 two options that both say what the key is', () => {
    expect(() => {
      class Twice {
        @CachePut({ cache: 'c', key: () => 1, resultKey: () => 2 })
        async save(): Promise<number> {
          return 1
        }
      }
      return Twice
    }).toThrow(expect.objectContaining({ code: 'CW_OPTIONS_CONTRADICT' }))
    expect(() => {
      class Marked {
        @Cacheable({ cache: 'c', key: (id: string) => id })
        async find(@CacheKey() id: string): Promise<string> {
          return id
        }
      }
      return Marked
    }).toThrow(expect.objectContaining({ code: 'CW_OPTIONS_CONTRADICT' }))
  })
})

describe('what ready() refuses', () => {
  test('C101 two readers of one cache by the same arguments, who could get each other’s values', async () => {
    const own = createCacheManager()
    const manager = () => own
    class Users {
      @Cacheable({ manager, cache: 'same' })
      async name(id: string): Promise<string> {
        return id
      }
      @Cacheable({ manager, cache: 'same' })
      async age(_id: string): Promise<number> {
        return 1
      }
    }
    const users = new Users()
    await expect(own.ready()).rejects.toMatchObject({
      code: 'CW_DEFINITION_CONFLICT',
      message: expect.stringMatching(/Users\.name and Users\.age both read cache 'same'/),
    })
    expect(await users.age('a')).toBe(1)
    await own.close()
  })
})
