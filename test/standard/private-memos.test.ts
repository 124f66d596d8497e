import { isCacheError, Memoize } from 'cachewright'

test('a private method and a private getter are memoised, each by itself', () => {
  class Parent {
    calls = 0

    @Memoize()
    #find(id: string): string {
      this.calls++
      return `parent ${id}`
    }

    @Memoize()
    get #size(): number {
      return ++this.calls
    }

    parents(id: string): unknown[] {
      return [this.#find(id), this.#size]
    }
  }
  class Child extends Parent {
    @Memoize()
    #find(id: string): string {
      this.calls++
      return `child ${id}`
    }

    @Memoize()
    find(id: string): string {
      return `public ${id}`
    }

    childs(id: string): unknown[] {
      return [this.#find(id), this.find(id)]
    }
  }
  const child = new Child()
  for (let round = 0; round < 2; round++) {
    expect(child.parents('1')).toEqual(['parent 1', 2])
    expect(child.childs('1')).toEqual(['child 1', 'public 1'])
  }
  expect(child.calls).toBe(3)
})

test('a private static method', () => {
  class Rows {
    static calls = 0

    @Memoize()
    static #table(id: number): string {
      Rows.calls++
      return `table ${id}`
    }

    static table(id: number): string {
      return Rows.#table(id)
    }
  }
  expect([Rows.table(1), Rows.table(1), Rows.calls]).toEqual(['table 1', 'table 1', 1])
})

test('an auto-accessor is refused: it is set and read, not computed', () => {
  const memoize = Memoize() as unknown as (value: unknown, context: ClassAccessorDecoratorContext) => never
  const define = (): unknown => {
    class Rows {
      @memoize
      accessor size = 1
    }
    return Rows
  }
  try {
    define()
  } catch (error) {
    expect(isCacheError(error) && error.message).toContain('@Memoize stands on an accessor; it belongs on')
    return
  }
  throw new Error('it was not refused')
})
