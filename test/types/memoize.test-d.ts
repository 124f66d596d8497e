import { Memoize, memoize } from 'cachewright'

/*
 * What the compiler must accept and refuse of @Memoize in either dialect, and of memoize(): this file belongs to the
 * project of test/standard too. Compiled, never run.
 */

interface Row {
  readonly id: string
}

declare const rows: readonly Row[]

export class Accepted {
  @Memoize()
  nothing(): void {}

  @Memoize({})
  find(id: string, _size?: number): Row | undefined {
    return rows.find((row) => row.id === id)
  }

  @Memoize({ maxEntries: 5, ttl: '5m', scope: 'shared', clock: { now: () => 0 } })
  options(_id: string): Row | null {
    return null
  }

  @Memoize({ key: (row: Row) => row.id })
  keyed(row: Row): string {
    return row.id
  }

  @Memoize({ key: (row: Row) => [row.id, 1] })
  fewerParameters(row: Row, _size: number): string {
    return row.id
  }

  @Memoize()
  get total(): number {
    return rows.length
  }

  @Memoize({ key: () => 'one' })
  static get first(): Row | undefined {
    return rows[0]
  }

  @Memoize()
  static count(): number {
    return rows.length
  }

  @Memoize()
  pick<Name extends keyof Row>(row: Row, name: Name): Row[Name] {
    return row[name]
  }

  @Memoize()
  unknown(): unknown {
    return undefined
  }

  // biome-ignore lint/suspicious/noExplicitAny: what is known of nothing is not refused
  @Memoize() anything(): any {}

  @Memoize()
  get loader(): (id: string) => string {
    return (id) => id
  }
}

export class Refused {
  // @ts-expect-error a promise takes @Cacheable
  @Memoize()
  async later(): Promise<Row | undefined> {
    return rows[0]
  }

  // @ts-expect-error it may be a promise
  @Memoize()
  maybeLater(now: boolean): number | Promise<number> {
    return now ? 1 : Promise.resolve(1)
  }

  // @ts-expect-error what passes for a promise is one
  @Memoize()
  thenable(): PromiseLike<number> {
    return Promise.resolve(1)
  }

  // @ts-expect-error it can be read once
  @Memoize()
  *all(): Generator<Row> {
    yield* rows
  }

  // @ts-expect-error it can be read once
  @Memoize()
  async *allLater(): AsyncGenerator<Row> {
    yield* rows
  }

  // @ts-expect-error a getter that answers later
  @Memoize()
  get first(): Promise<Row | undefined> {
    return Promise.resolve(rows[0])
  }

  // @ts-expect-error a row is no string
  @Memoize({ key: (id: string) => id })
  keyOfAnother(_row: Row): void {}

  // @ts-expect-error the method has one parameter
  @Memoize({ key: (row: Row, size: number) => [row.id, size] })
  keyOfMore(_row: Row): void {}

  // @ts-expect-error a getter has none
  @Memoize({ key: (row: Row) => row.id })
  get keyed(): number {
    return 1
  }

  // @ts-expect-error a function is no key
  @Memoize({ key: () => Promise.resolve(1), maxEntries: 'five' })
  wrongOptions(): void {}

  // @ts-expect-error no such option
  @Memoize({ cache: 'rows' })
  unknownOption(): void {}

  // @ts-expect-error no such scope
  @Memoize({ scope: 'global' })
  unknownScope(): void {}

  // @ts-expect-error it has to be called
  @Memoize
  bare(): void {}
}

// @ts-expect-error a class is no method
@Memoize()
export class Whole {}

// A memoised function is called as the one it was made of.
export const half = memoize((count: number, by = 2) => count / by, { key: (count, by) => [count, by], ttl: '1s' })
export const found: number = half(4) + half(4, 2)
export const kept = half.memo.peek(4)
export const value: number | undefined = kept.found ? kept.value : undefined
half.memo.evict(4, 2)
export const ratio: number = half.memo.info().ratio

export const fib = memoize((n: number): bigint => (n < 2 ? BigInt(n) : fib(n - 1) + fib(n - 2)))

// Of a generic function the compiler forgets what its results have to do with its arguments.
export const picked: unknown = memoize(<Value>(values: readonly Value[]): Value | undefined => values[0])(['a'])

// @ts-expect-error arguments are those of the function
half('4')
// @ts-expect-error so are those of its memo
half.memo.evict('4')
// @ts-expect-error a promise takes @Cacheable
memoize(async () => 1)
// @ts-expect-error it can be read once
memoize(function* () {})
// @ts-expect-error the key is made of the parameters
memoize((id: number) => id, { key: (id: string) => id })
// @ts-expect-error `scope` is for methods
memoize((id: number) => id, { scope: 'shared' })
// @ts-expect-error no function
memoize('slug')
