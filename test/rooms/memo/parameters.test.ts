import { CacheIgnore, CacheKey, isCacheError, Memoize } from 'cachewright'
import { memoOf } from '../../support/memo-of'

function codeOf(define: () => unknown): string | undefined {
  try {
    define()
  } catch (error) {
    return isCacheError(error) ? error.code : String(error)
  }
  return undefined
}

// Marks on parameters are of the legacy dialect alone.

test('@CacheKey and @CacheIgnore say what makes the key', () => {
  class Rows {
    calls = 0

    @Memoize()
    marked(@CacheKey('customer.id') order: { customer: { id: number } }, @CacheKey() _size: number, _log: () => void) {
      this.calls++
      return order.customer.id
    }

    @Memoize()
    ignored(id: string, @CacheIgnore() _log: () => void): string {
      this.calls++
      return id
    }
  }
  const rows = new Rows()
  rows.marked({ customer: { id: 7 } }, 1, () => {})
  rows.marked({ customer: { id: 7 } }, 1, () => {})
  rows.ignored('a', () => {})
  rows.ignored('a', () => {})
  expect(rows.calls).toBe(2)
  rows.marked({ customer: { id: 7 } }, 2, () => {})
  expect(rows.calls).toBe(3)
  expect(memoOf(rows, 'marked').keyOf({ customer: { id: 7 } }, 2)).toBe('#7,#2')
  expect(memoOf(rows, 'ignored').keyOf('a')).toBe('a')
})

test('a parameter that can never be in a key is refused when the class is defined', () => {
  const define = (): unknown => {
    class Rows {
      @Memoize()
      each(_visit: Function): void {}
    }
    return Rows
  }
  expect(codeOf(define)).toBe('CW_KEY_UNSUPPORTED')
})

test('`key` and @CacheKey contradict each other', () => {
  const define = (): unknown => {
    class Rows {
      @Memoize({ key: (id: string) => id })
      find(@CacheKey() _id: string): void {}
    }
    return Rows
  }
  expect(codeOf(define)).toBe('CW_OPTIONS_CONTRADICT')
})

test('what frameworks write about a method stays readable', () => {
  const role: MethodDecorator = (_target, _name, descriptor) =>
    Reflect.defineMetadata('role', 'admin', descriptor.value as object)
  class Rows {
    @Memoize()
    @role
    find(): void {}
  }
  expect(Reflect.getMetadata('role', Rows.prototype.find)).toBe('admin')
  expect(Reflect.getMetadata('design:paramtypes', Rows.prototype, 'find')).toEqual([])
})
