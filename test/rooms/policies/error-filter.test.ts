import { type ErrorFilters, isMeant } from '../../../src/policies/error-filter'

class NotFound extends Error {}
class Gone extends NotFound {}
class Broken extends Error {}
class Bare {}
// As compilers for old JavaScript write it.
function Old(this: Error) {}
Old.prototype = Object.create(Error.prototype)
const OldError = Old as unknown as new () => Error

test.each<[string, ErrorFilters, readonly boolean[]]>([
  ['no lists', {}, [true, true, true]],
  ['include', { include: [NotFound] }, [true, true, false]],
  ['exclude', { exclude: [NotFound] }, [false, false, true]],
  ['both', { include: [NotFound], exclude: [Gone] }, [true, false, false]],
  ['both, the same', { include: [NotFound], exclude: [NotFound] }, [false, false, false]],
  ['an empty include', { include: [] }, [false, false, false]],
  ['an empty exclude', { exclude: [] }, [true, true, true]],
  ['a function', { include: [(error) => error instanceof Gone] }, [false, true, false]],
  ['a class and a function', { include: [Broken, (error) => error instanceof Gone] }, [false, true, true]],
])('C66 %s', (_, filters, meant) => {
  expect([new NotFound(), new Gone(), new Broken()].map((error) => isMeant(error, filters))).toEqual(meant)
})

test('classes are told from functions, whatever they are compiled to', () => {
  expect(isMeant(new Bare(), { include: [Bare] })).toBe(true)
  expect(isMeant(new Broken(), { include: [Bare] })).toBe(false)
  expect(isMeant(new OldError(), { include: [OldError] })).toBe(true)
  expect(isMeant(new Broken(), { include: [OldError] })).toBe(false)
  expect(isMeant(new TypeError(), { include: [TypeError] })).toBe(true)
  expect(isMeant('a text', { include: [Error] })).toBe(false)
  function isText(error: unknown): boolean {
    return error === 'a text'
  }
  expect(isMeant('a text', { include: [isText] })).toBe(true)
})

test('what a function throws is its caller’s business', () => {
  const filters: ErrorFilters = {
    include: [
      () => {
        throw new Error('filter')
      },
    ],
  }
  expect(() => isMeant(new Broken(), filters)).toThrow('filter')
})
