import 'reflect-metadata'
import { type CacheError, memoize } from 'cachewright'
import { ManualClock } from 'cachewright/testing'

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

type Loose = (its: unknown, options?: unknown) => unknown
const loose = memoize as unknown as Loose

describe('a memoised function', () => {
  test('keeps results by its arguments, and has a memo to look after them', () => {
    const calls: unknown[][] = []
    const area = memoize((width: number, height = width) => {
      calls.push([width, height])
      return { width, height }
    })
    expect(area(2)).toBe(area(2, undefined))
    expect(area(2, 3)).not.toBe(area(2))
    expect(calls).toEqual([
      [2, 2],
      [2, 3],
    ])
    expect(area.memo.info()).toEqual({ hits: 2, misses: 2, ratio: 0.5, size: 2, max: 1_000 })
    expect(area.memo.peek(2, 3)).toEqual({ found: true, value: { width: 2, height: 3 } })
    expect([area.memo.evict(2, 3), area.memo.peek(2, 3)]).toEqual([true, { found: false }])
    expect(area.memo.keyOf(2, 3)).toBe('#2,#3')
    area.memo.clear()
    expect(area.memo.info().size).toBe(0)
    expect(Object.isFrozen(area.memo.info())).toBe(true)
  })

  test('calls itself a thousand levels deep', () => {
    let calls = 0
    const fib: (n: number) => bigint = memoize((n: number): bigint => {
      calls++
      return n < 2 ? BigInt(n) : fib(n - 1) + fib(n - 2)
    })
    expect(String(fib(1_000))).toHaveLength(209)
    expect(calls).toBe(1_001)
  })

  test('is dressed as the one it was made of, and made of it anew has a memo of its own', () => {
    function slug(_title: string, _size: number): string {
      return ''
    }
    const shown = Object.assign(slug, { shown: 1 })
    Reflect.defineMetadata('role', 'admin', slug)
    const [one, other] = [memoize(shown), memoize(shown)]
    expect([one.name, one.length, one.shown, Reflect.getMetadata('role', one)]).toEqual(['slug', 2, 1, 'admin'])
    expect(Object.keys(one)).toEqual(['shown'])
    one('a', 1)
    expect([one.memo.info().size, other.memo.info().size]).toEqual([1, 0])
    expect(memoize(one).memo).not.toBe(one.memo)
  })

  test('is called on what the memoised one is called on, which is no part of the key', () => {
    const its = { name: 'one', tell: memoize(tell) }
    function tell(this: { name: string }): string {
      return this.name
    }
    expect([its.tell(), its.tell.call({ name: 'other' })]).toEqual(['one', 'one'])
  })

  test('takes the options of @Memoize but `scope`', () => {
    const clock = new ManualClock()
    let calls = 0
    const half = memoize((row: { readonly id: number }) => row.id / 2 + 0 * ++calls, {
      key: (row) => row.id,
      maxEntries: 2,
      ttl: '1s',
      clock,
    })
    for (const id of [1, 2, 1, 3, 1]) half({ id })
    expect([calls, half.memo.info().size]).toEqual([3, 2])
    clock.jump(1_000)
    half({ id: 1 })
    expect(calls).toBe(4)
    expect(refusalOf(() => loose(() => 1, { scope: 'shared' }))).toMatchObject({
      code: 'CW_OPTION_UNKNOWN',
      message: expect.stringMatching(/^memoize\(\) of a function: there is no option `scope`/),
    })
    expect(refusalOf(() => loose(half, { ttl: 'x' })).message).toContain('option `ttl`')
  })

  test('refuses what is no function, or none that answers at once, and says which', () => {
    for (const its of [undefined, null, 'slug', {}]) {
      expect(refusalOf(() => loose(its))).toMatchObject({ code: 'CW_OPTION_INVALID' })
    }
    async function load(): Promise<void> {}
    function* all(): Generator<number> {}
    expect(refusalOf(() => loose(load))).toMatchObject({
      code: 'CW_ASYNC_METHOD',
      message: expect.stringContaining("function 'load' is async"),
    })
    expect(refusalOf(() => loose(all))).toMatchObject({
      code: 'CW_DECORATOR_MISPLACED',
      message: expect.stringContaining("memoize() of function 'all': it is a generator"),
    })
    const later = loose(() => Promise.resolve(1)) as () => unknown
    expect(refusalOf(later)).toMatchObject({
      code: 'CW_ASYNC_METHOD',
      message: expect.stringMatching(/^a memoised function returned a promise/),
    })
    const one = loose((its: unknown) => its) as (its: unknown) => unknown
    expect(refusalOf(() => one(Symbol('s'))).message).toMatch(/^a memoised function: parameter 1 /)
  })
})
