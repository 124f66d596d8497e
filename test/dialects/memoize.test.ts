import { type CacheError, Memoize } from 'cachewright'
import { ManualClock } from 'cachewright/testing'
import { memoOf } from '../support/memo-of'
import { warningsDuring } from '../support/warnings'
import { foreign } from './foreign'

/** What a call throws, which must be an error of this toolkit. */
function refusalOf(call: () => unknown): CacheError {
  let thrown: unknown
  try {
    call()
  } catch (error) {
    thrown = error
  }
  expect(thrown).toMatchObject({ code: expect.stringMatching(/^CW_/) })
  return thrown as CacheError
}

describe('a memoised method', () => {
  class Prices {
    calls: unknown[][] = []

    @Memoize()
    of(...args: unknown[]): object {
      this.calls.push(args)
      return { args }
    }
  }

  test('is called once for equal arguments, stays synchronous, and hands out what it returned', () => {
    const prices = new Prices()
    const first = prices.of('lamp', 2)
    expect(first).toEqual({ args: ['lamp', 2] })
    expect(prices.of('lamp', 2)).toBe(first)
    expect(Object.isFrozen(first)).toBe(false)
    expect(prices.calls).toEqual([['lamp', 2]])
  })

  test('keeps undefined, null, 0, false and the empty string', () => {
    class Rows {
      calls = 0

      @Memoize()
      find(row: { readonly value: unknown }): unknown {
        this.calls++
        return row.value
      }
    }
    const rows = new Rows()
    const values = [undefined, null, 0, false, '']
    for (const value of [...values, ...values]) expect(rows.find({ value })).toBe(value)
    expect(rows.calls).toBe(values.length)
  })

  // Each list is a key of its own.
  const distinct: readonly (readonly unknown[])[] = [
    [],
    [null],
    [true],
    [1],
    [1n],
    ['1'],
    ['#1'],
    [''],
    ["''"],
    ['null'],
    ['!null'],
    ['!none'],
    ['\0'],
    ['\0!none'],
    ['\0!null'],
    ['\0a,b'],
    ['a,b'],
    ['a', 'b'],
    [['a', 'b']],
    [['a,b']],
    [undefined, 1],
    [Number.NaN],
    ['NaN'],
    [new Date(0)],
    [new Date(0).toISOString()],
    [{ a: 1 }],
    [{ a: '1' }],
    [{ a: undefined }],
    [{}],
    [new Map([['a', 1]])],
    [new Set(['a'])],
  ]

  test('K1 K3 K4 is called for every list of arguments that differs, and keeps all of them', () => {
    const prices = new Prices()
    const results = distinct.map((args) => prices.of(...args))
    expect(prices.calls).toHaveLength(distinct.length)
    expect(distinct.map((args) => prices.of(...args))).toEqual(results)
    expect(prices.calls).toHaveLength(distinct.length)
    expect(memoOf(prices, 'of').info()).toEqual({
      hits: distinct.length,
      misses: distinct.length,
      ratio: 0.5,
      size: distinct.length,
      max: 1_000,
    })
  })

  const equal: readonly (readonly [readonly unknown[], readonly unknown[]])[] = [
    [[], [undefined, undefined]],
    [[1], [1, undefined]],
    [['\0'], ['\0', undefined]],
    [[0], [-0]],
    [[Number.NaN], [Number.NaN, undefined]],
    [[{ a: 1, b: 2 }], [{ b: 2, a: 1 }]],
    [[new Date(5)], [new Date(5)]],
    [['a'], ['a', new AbortController().signal]],
    [[], [new AbortController().signal]],
  ]

  test.each(equal)('K5 has one key for %j and %j', (some, others) => {
    const prices = new Prices()
    const first = prices.of(...some)
    expect(prices.of(...others)).toBe(first)
    expect(prices.of(...some)).toBe(first)
  })

  test('keeps NaN although it is not equal to itself, alone and among others', () => {
    const prices = new Prices()
    const alone = prices.of(Number.NaN)
    expect(prices.of(Number.NaN)).toBe(alone)
    prices.of(1)
    expect(prices.of(Number.NaN)).toBe(alone)
    expect(prices.calls).toHaveLength(2)
  })

  test('refuses what cannot be in a key before it is called, naming method, parameter and way out', () => {
    class Money {}
    const prices = new Prices()
    const { code, message } = refusalOf(() => prices.of('lamp', { rate: () => 1 }))
    expect(code).toBe('CW_KEY_UNSUPPORTED')
    expect(message).toContain('Prices.of: parameter 2 (.rate) cannot be part of a cache key: it is a function.')
    expect(refusalOf(() => prices.of(Symbol('s'))).message).toContain('parameter 1')
    // There is no manager here that could be told of a class.
    expect(refusalOf(() => prices.of(new Money())).message).toMatch(
      /it is an instance of Money\. Leave it out .* `key`\.$/,
    )
    expect(refusalOf(() => prices.of(new (class {})())).message).toContain('an anonymous class. Leave')
    expect(prices.calls).toEqual([])
  })

  test('that throws is called again', () => {
    class Rows {
      calls = 0

      @Memoize()
      find(): number {
        this.calls++
        if (this.calls < 3) throw new RangeError(`${this.calls}`)
        return this.calls
      }
    }
    const rows = new Rows()
    expect(() => rows.find()).toThrow(new RangeError('1'))
    expect(() => rows.find()).toThrow(new RangeError('2'))
    expect([rows.find(), rows.find()]).toEqual([3, 3])
    expect(memoOf(rows, 'find').info()).toMatchObject({ hits: 1, misses: 3, size: 1 })
  })

  test('keeps its name and length, and the decorators of others above and below it', () => {
    const log: string[] = []
    class Rows {
      @foreign(log, 'above')
      @Memoize()
      @foreign(log, 'below')
      find(_id: string): string {
        log.push('method')
        return 'row'
      }

      @Memoize()
      plain(_id: string, _size: number): void {}
    }
    const rows = new Rows()
    expect([rows.find('1'), rows.find('1')]).toEqual(['row', 'row'])
    expect(log).toEqual(['above', 'below', 'method', 'above'])
    expect([rows.plain.name, rows.plain.length]).toEqual(['plain', 2])
    expect(Object.keys(rows.plain)).toEqual([])
  })

  test('named by a symbol', () => {
    const find = Symbol('find')
    class Rows {
      calls = 0

      @Memoize()
      [find](id: number): number {
        return id + ++this.calls
      }
    }
    const rows = new Rows()
    expect([rows[find](1), rows[find](1), rows[find](2)]).toEqual([2, 2, 4])
    expect(refusalOf(() => rows[find](Symbol('s') as never)).message).toContain('Rows.[find]: parameter 1')
  })

  test('torn off its object is called as it is', () => {
    class Rows {
      @Memoize()
      self(): unknown {
        return [this]
      }
    }
    const { self } = new Rows()
    expect(self()).toEqual([undefined])
    expect(self()).not.toBe(self())
    expect(self.call('text' as never)).not.toBe(self.call('text' as never))
  })

  test('of a frozen instance', () => {
    const prices = Object.freeze(new Prices())
    expect(prices.of(1)).toBe(prices.of(1))
    expect(Reflect.ownKeys(prices)).toEqual(['calls'])
  })
})

describe('the results belong', () => {
  class Counters {
    calls = 0

    @Memoize({ maxEntries: 2 })
    own(_id: string): number {
      return ++this.calls
    }

    @Memoize({ maxEntries: 2, scope: 'shared' })
    together(id: string): string {
      this.calls++
      return id
    }
  }

  test('to each instance by itself, with a limit of its own', () => {
    const [one, other] = [new Counters(), new Counters()]
    for (const id of ['a', 'b', 'a', 'b']) one.own(id)
    expect(other.own('a')).toBe(1)
    expect([one.calls, other.calls]).toEqual([2, 1])
    memoOf(one, 'own').clear()
    expect(memoOf(other, 'own').info().size).toBe(1)
  })

  test('to all instances of a class where they are shared', () => {
    const [one, other] = [new Counters(), new Counters()]
    one.together('a')
    other.together('a')
    other.together('b')
    expect([one.calls, other.calls]).toEqual([1, 1])
    expect(memoOf(one, 'together')).toBe(memoOf(other, 'together'))
    expect(memoOf(one, 'together').info()).toEqual({ hits: 1, misses: 2, ratio: 1 / 3, size: 2, max: 2 })
  })

  test('shared or not, never to two methods, nor to an override and what it overrides', () => {
    for (const scope of ['instance', 'shared'] as const) {
      class Parent {
        @Memoize({ scope })
        find(id: string): string {
          return `parent ${id}`
        }

        @Memoize({ scope })
        list(id: string): string {
          return `list ${id}`
        }
      }
      class Child extends Parent {
        calls = 0

        @Memoize({ scope })
        override find(id: string): string {
          this.calls++
          return `child of ${super.find(id)}`
        }
      }
      const child = new Child()
      for (let round = 0; round < 2; round++) {
        expect(child.find('1')).toBe('child of parent 1')
        expect(child.list('1')).toBe('list 1')
        expect(new Parent().find('1')).toBe('parent 1')
      }
      expect(child.calls).toBe(1)
    }
  })

  test('shared, to each subclass that inherits the method by itself', () => {
    abstract class Repository {
      abstract readonly table: string

      @Memoize({ scope: 'shared' })
      find(id: number): string {
        return `${this.table} ${id}`
      }
    }
    class Users extends Repository {
      readonly table = 'user'
    }
    class Orders extends Repository {
      readonly table = 'order'
    }
    expect([new Users().find(1), new Orders().find(1), new Users().find(1)]).toEqual(['user 1', 'order 1', 'user 1'])
  })

  test('of a static method to the class it is called on', () => {
    class Parent {
      static calls = 0

      @Memoize()
      static table(id: number): string {
        Parent.calls++
        // biome-ignore lint/complexity/noThisInStatic: a subclass calls it too
        return `${Parent.calls} ${this.name} ${id}`
      }
    }
    class Child extends Parent {}
    expect([Parent.table(1), Child.table(1), Parent.table(1), Child.table(1)]).toEqual([
      '1 Parent 1',
      '2 Child 1',
      '1 Parent 1',
      '2 Child 1',
    ])
  })
})

describe('a memoised getter', () => {
  class Basket {
    #prices = [3, 4]
    sums = 0

    @Memoize()
    get total(): number {
      this.sums++
      return this.#prices.reduce((sum, price) => sum + price, 0)
    }

    @Memoize({ ttl: '1s' })
    static get kinds(): object {
      return {}
    }

    set total(price: number) {
      this.#prices = [price]
    }
  }

  test('is computed once for each instance, and a setter beside it stays as it is', () => {
    const [one, other] = [new Basket(), new Basket()]
    expect([one.total, one.total, other.total]).toEqual([7, 7, 7])
    expect([one.sums, other.sums]).toEqual([1, 1])
    one.total = 9
    expect(one.total).toBe(7)
    expect(memoOf(one, 'total').evict()).toBe(true)
    expect(one.total).toBe(9)
    expect(memoOf(one, 'total').info()).toMatchObject({ hits: 2, misses: 2, size: 1 })
  })

  test('may be static', () => {
    expect(Basket.kinds).toBe(Basket.kinds)
  })

  test('overridden by one that calls it does not share with it', () => {
    class Discounted extends Basket {
      @Memoize()
      override get total(): number {
        return super.total - 1
      }
    }
    const basket = new Discounted()
    expect([basket.total, basket.total, basket.sums]).toEqual([6, 6, 1])
  })

  test('that throws is computed again', () => {
    class Rows {
      calls = 0

      @Memoize()
      get first(): number {
        this.calls++
        if (this.calls === 1) throw new Error('empty')
        return this.calls
      }
    }
    const rows = new Rows()
    expect(() => rows.first).toThrow('empty')
    expect([rows.first, rows.first]).toEqual([2, 2])
  })

  test('that answers a promise is refused', () => {
    class Rows {
      @Memoize()
      get first(): unknown {
        return Promise.resolve(1)
      }
    }
    expect(refusalOf(() => new Rows().first)).toMatchObject({
      code: 'CW_ASYNC_METHOD',
      message: expect.stringMatching(/^Rows\.first returned a promise\. .*use @Cacheable\.$/),
    })
  })
})

describe('calls within calls', () => {
  test('of a thousand levels do not overflow, and each is made once', () => {
    class Numbers {
      readonly calls: number[] = []

      @Memoize()
      fib(n: number): bigint {
        this.calls.push(n)
        return n < 2 ? BigInt(n) : this.fib(n - 1) + this.fib(n - 2)
      }
    }
    const numbers = new Numbers()
    expect(String(numbers.fib(1_000))).toMatch(/^43466557686937456\d{192}$/)
    expect(numbers.calls).toEqual(Array.from({ length: 1_001 }, (_, n) => 1_000 - n))
    expect(memoOf(numbers, 'fib').info()).toMatchObject({ size: 1_000, misses: 1_001, hits: 998 })
  })

  test('for the key under way call the method, and what returns last is kept', () => {
    class Rows {
      depth = 0

      @Memoize()
      find(id: string): string {
        const depth = ++this.depth
        if (depth < 3) this.find(id)
        return `${id} at ${depth}`
      }
    }
    const rows = new Rows()
    expect([rows.find('a'), rows.find('a')]).toEqual(['a at 1', 'a at 1'])
    expect(rows.depth).toBe(3)
    expect(memoOf(rows, 'find').info()).toMatchObject({ size: 1, misses: 3, hits: 1 })
  })

  test.each(['evict', 'clear'] as const)('G1 a call during which its memo sees %s keeps nothing', (removal) => {
    class Rows {
      row = 'old'

      @Memoize()
      find(id: string): string {
        const { row } = this
        if (row === 'old') this.change(id)
        return row
      }

      change(id: string): void {
        this.row = 'new'
        if (removal === 'clear') memoOf(this, 'find').clear()
        // Nothing is there yet.
        else expect(memoOf(this, 'find').evict(id)).toBe(false)
      }
    }
    const rows = new Rows()
    expect([rows.find('a'), rows.find('a'), rows.find('a')]).toEqual(['old', 'new', 'new'])
    expect(memoOf(rows, 'find').info()).toMatchObject({ misses: 2, hits: 1 })
  })
})

describe('the options', () => {
  test('maxEntries: beyond it the result that was not used for longest goes', () => {
    class Rows {
      readonly calls: number[] = []

      @Memoize({ maxEntries: 3 })
      find(id: number): number {
        this.calls.push(id)
        return id
      }
    }
    const rows = new Rows()
    for (const id of [1, 2, 3, 1, 4, 3, 1, 2]) rows.find(id)
    expect(rows.calls).toEqual([1, 2, 3, 4, 2])
    const memo = memoOf(rows, 'find')
    expect(memo.info()).toMatchObject({ size: 3, max: 3 })
    expect([1, 2, 3, 4].filter((id) => memo.peek(id).found)).toEqual([1, 2, 3])
  })

  test('ttl and clock: a result is kept for so long from when it was there', () => {
    const clock = new ManualClock()
    class Rows {
      calls = 0

      @Memoize({ ttl: '30s', clock })
      find(): number {
        clock.jump(5_000)
        return ++this.calls
      }
    }
    const rows = new Rows()
    expect(rows.find()).toBe(1)
    clock.jump(29_999)
    expect(rows.find()).toBe(1)
    expect(memoOf(rows, 'find').peek()).toEqual({ found: true, value: 1 })
    clock.jump(1)
    const memo = memoOf(rows, 'find')
    expect(memo.peek()).toEqual({ found: false })
    expect(memo.info().size).toBe(1)
    expect(memo.evict()).toBe(false)
    expect(memo.info().size).toBe(0)
    expect(rows.find()).toBe(2)
    clock.jump(30_000)
    expect([rows.find(), rows.find()]).toEqual([3, 3])
    expect(clock.pending).toBe(0)
  })

  test('ttl: what is past its time does not stay where the next call throws', () => {
    const clock = new ManualClock()
    class Rows {
      calls = 0

      @Memoize({ ttl: 10, clock })
      find(): number {
        if (++this.calls > 1) throw new Error('gone')
        return this.calls
      }
    }
    const rows = new Rows()
    rows.find()
    clock.jump(10)
    expect(() => rows.find()).toThrow('gone')
    expect(memoOf(rows, 'find').info().size).toBe(0)
  })

  test('ttl: 0 keeps nothing', () => {
    class Rows {
      calls = 0

      @Memoize({ ttl: 0 })
      find(): number {
        return ++this.calls
      }
    }
    const rows = new Rows()
    expect([rows.find(), rows.find()]).toEqual([1, 2])
    expect(memoOf(rows, 'find').info()).toMatchObject({ size: 0, misses: 2 })
  })

  test('key: a value and an array of that one value are one key; the object is no part of it', () => {
    interface Row {
      readonly id: number | readonly number[]
      readonly render?: () => string
    }
    class Rows {
      calls = 0

      @Memoize({ key: (row: Row) => row.id })
      show(row: Row): string {
        this.calls++
        return `row ${String(row.id)}`
      }
    }
    const rows = new Rows()
    rows.show({ id: 1, render: () => '' })
    rows.show({ id: [1], render: () => 'other' })
    expect(rows.calls).toBe(1)
    rows.show({ id: [1, 2] })
    expect(rows.calls).toBe(2)
    expect(memoOf(rows, 'show').keyOf({ id: [1, 2] })).toBe('#1,#2')
  })

  test('key: one that fails leaves the memo out of the call, and that is said once', async () => {
    class Rows {
      calls = 0

      @Memoize({
        key: (id: string) => {
          throw new Error(`no key for ${id}`)
        },
      })
      find(_id: string): number {
        return ++this.calls
      }
    }
    const rows = new Rows()
    const said = await warningsDuring(async () => {
      expect([rows.find('a'), rows.find('a')]).toEqual([1, 2])
    })
    expect(said).toHaveLength(1)
    expect(said[0]).toMatchObject({
      code: 'CW_FUNCTION_FAILED',
      message: '`key` of Rows.find threw: no key for a. The call went on without its memo.',
    })
    expect(memoOf(rows, 'find').info()).toMatchObject({ hits: 0, misses: 0, size: 0 })
    expect(refusalOf(() => memoOf(rows, 'find').evict('a')).code).toBe('CW_FUNCTION_FAILED')
  })

  test('key: what it returns can be refused like an argument, and so can a promise', () => {
    class Rows {
      @Memoize({ key: (id: unknown) => (id === 'later' ? Promise.resolve(id) : { id }) })
      find(_id: unknown): void {}
    }
    const rows = new Rows()
    expect(refusalOf(() => rows.find(() => 1)).message).toContain('Rows.find: part 1 of the key (.id)')
    expect(refusalOf(() => rows.find('later')).message).toContain('`key` returned a promise')
  })
})

describe('what a handle needs', () => {
  class Rows {
    calls = 0

    @Memoize({ maxEntries: 2 })
    find(id: string, size = 1): string {
      this.calls++
      return `${id} × ${size}`
    }
  }

  test('peek tells a result without counting or keeping it longer', () => {
    const rows = new Rows()
    const memo = memoOf(rows, 'find')
    expect(memo.peek('a')).toEqual({ found: false })
    rows.find('a')
    rows.find('b')
    expect(memo.peek('a', undefined)).toEqual({ found: true, value: 'a × 1' })
    rows.find('c')
    expect(memo.peek('a')).toEqual({ found: false })
    expect(memo.info()).toMatchObject({ hits: 0, misses: 3 })
    expect(rows.calls).toBe(3)
  })

  test('evict removes one key, clear all, and the counters stay', () => {
    const rows = new Rows()
    const memo = memoOf(rows, 'find')
    rows.find('a', 2)
    rows.find('b')
    expect([memo.evict('a', 2), memo.evict('a', 2), memo.evict('a')]).toEqual([true, false, false])
    rows.find('b')
    expect(rows.calls).toBe(2)
    memo.clear()
    expect(memo.info()).toEqual({ hits: 1, misses: 2, ratio: 1 / 3, size: 0, max: 2 })
    rows.find('b')
    expect(rows.calls).toBe(3)
  })

  test('keyOf is the text of the key, as in every cache', () => {
    const memo = memoOf(new Rows(), 'find')
    expect([memo.keyOf('a'), memo.keyOf('a', 2), memo.keyOf(undefined as never)]).toEqual(['a', 'a,#2', '!none'])
  })
})

describe('an async method', () => {
  test('is refused when the class is defined', () => {
    const memoize = Memoize() as (...args: unknown[]) => never
    expect(
      refusalOf(() => {
        class Rows {
          @memoize
          async find(): Promise<void> {}
        }
        return Rows
      }),
    ).toMatchObject({ code: 'CW_ASYNC_METHOD', message: expect.stringContaining('use @Cacheable') })
  })

  test('that does not look like one is refused when it answers, and nothing of it is kept', () => {
    const promise = Promise.resolve(1)
    const then = jest.fn()
    class Rows {
      @Memoize()
      find(isReal: boolean): unknown {
        return isReal ? promise : { then }
      }
    }
    const rows = new Rows()
    for (const isReal of [true, false, true]) {
      const error = refusalOf(() => rows.find(isReal))
      expect(error).toBeInstanceOf(TypeError)
      expect(error.code).toBe('CW_ASYNC_METHOD')
      expect(error.message).toMatch(/^Rows\.find returned a promise\./)
    }
    expect(memoOf(rows, 'find').info()).toMatchObject({ size: 0, misses: 3 })
    // What only passes for a promise may begin to work when it is listened to.
    expect(then).not.toHaveBeenCalled()
  })

  test('that is refused fails where nobody else listens', () => {
    const failing = Promise.reject(new Error('nobody hears this'))
    const listened = jest.spyOn(failing, 'catch')
    // So that the test says what is missing, and not the process.
    failing.then(undefined, () => {})
    class Rows {
      @Memoize()
      find(): unknown {
        return failing
      }
    }
    expect(refusalOf(() => new Rows().find()).code).toBe('CW_ASYNC_METHOD')
    expect(listened).toHaveBeenCalledTimes(1)
  })

  test.each(['generator', 'async generator'])('nor can a %s be memoised', (kind) => {
    const memoize = Memoize() as (...args: unknown[]) => never
    const define = (): unknown => {
      if (kind === 'generator') {
        class Rows {
          @memoize
          *all(): Generator<number> {
            yield 1
          }
        }
        return Rows
      }
      class Rows {
        @memoize
        async *all(): AsyncGenerator<number> {
          yield 1
        }
      }
      return Rows
    }
    expect(refusalOf(define)).toMatchObject({
      code: 'CW_DECORATOR_MISPLACED',
      message: expect.stringContaining('it is a generator'),
    })
  })
})

describe('@Memoize in the wrong place', () => {
  const loose = (options?: object) => Memoize(options) as (...args: unknown[]) => never
  const bare = Memoize as unknown as (...args: unknown[]) => never
  const define: Readonly<Record<string, () => unknown>> = {
    'a class': () => {
      @loose()
      class Rows {}
      return Rows
    },
    'a setter': () => {
      class Rows {
        @loose()
        set size(_size: number) {}
      }
      return Rows
    },
    'a property|a field': () => {
      class Rows {
        @loose()
        size = 1
      }
      return Rows
    },
    'a method without being called': () => {
      class Rows {
        @bare
        find(): void {}
      }
      return Rows
    },
  }

  test.each(Object.keys(define))('%s', (place) => {
    const { code, message } = refusalOf(() => define[place]!())
    expect(code).toBe('CW_DECORATOR_MISPLACED')
    expect(message).toMatch(
      new RegExp(`^@Memoize stands on (?:${place})(?: \\('size'\\))?; it belongs on a method or a getter`),
    )
  })

  test('on a method that has it already', () => {
    const define = (): unknown => {
      class Rows {
        @Memoize()
        @Memoize()
        find(): void {}
      }
      return Rows
    }
    expect(refusalOf(define)).toMatchObject({
      code: 'CW_DECORATOR_MISPLACED',
      message: expect.stringContaining('memoised already'),
    })
  })

  const bad: readonly (readonly [string, unknown, string, RegExp])[] = [
    ['maxEntries', 0, 'CW_OPTION_INVALID', /`maxEntries` must be a whole number above 0, got 0/],
    ['maxEntries', 1.5, 'CW_OPTION_INVALID', /whole number/],
    ['maxEntries', Number.POSITIVE_INFINITY, 'CW_OPTION_INVALID', /whole number/],
    ['ttl', '5 minutes', 'CW_OPTION_INVALID', /'5 minutes' is not a duration/],
    ['ttl', -1, 'CW_OPTION_INVALID', /-1 is not a duration/],
    ['ttl', null, 'CW_OPTION_INVALID', /null is not a duration/],
    ['key', 'id', 'CW_OPTION_INVALID', /a function.*'id'/],
    ['scope', 'global', 'CW_OPTION_INVALID', /one of 'instance', 'shared'.*'global'/],
    ['clock', {}, 'CW_OPTION_INVALID', /an object with `now\(\)`/],
    ['clock', null, 'CW_OPTION_INVALID', /an object with `now\(\)`/],
    ['maxEntris', 5, 'CW_OPTION_UNKNOWN', /Did you mean `maxEntries`\?/],
    ['cache', 'rows', 'CW_OPTION_UNKNOWN', /Known options: key, maxEntries, ttl, clock, scope/],
  ]

  test.each(bad)('option %s: %p', (option, value, code, rule) => {
    const define = (): unknown => {
      class Rows {
        @loose({ [option]: value })
        find(): void {}
      }
      return Rows
    }
    const error = refusalOf(define)
    expect(error).toMatchObject({ code, message: expect.stringMatching(rule) })
    expect(error.message).toContain('@Memoize of')
  })

  test('options that are none', () => {
    for (const options of [null, [], 'x', 5]) {
      const define = (): unknown => {
        class Rows {
          @loose(options as never)
          find(): void {}
        }
        return Rows
      }
      expect(refusalOf(define).code).toBe('CW_OPTION_INVALID')
    }
  })
})
