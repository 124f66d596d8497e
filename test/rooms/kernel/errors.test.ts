import { cacheError, cacheErrorCodes, isCacheError } from 'cachewright'

test.each(cacheErrorCodes)(
  '%s is an Error with that code, a message and a stack that begins where it was made',
  (code) => {
    const error = cacheError(code, 'what was wrong', 'cause')
    expect(error).toBeInstanceOf(Error)
    expect(isCacheError(error)).toBe(true)
    expect(error).toMatchObject({ code, message: 'what was wrong', cause: 'cause' })
    expect(Object.keys(error)).toEqual(['code'])
    expect(error.stack?.split('\n')[1]).toContain('errors.test')
  },
)

test('the code does not change', () => {
  const error = cacheError('CW_OPTION_INVALID', 'm')
  expect(() => {
    ;(error as { code: string }).code = 'other'
  }).toThrow(TypeError)
})

test.each<[unknown]>([
  [null],
  [undefined],
  [new Error('m')],
  [{ code: 'CW_OPTION_INVALID' }],
  ['CW_OPTION_INVALID'],
  [5],
])('%p is none', (value) => {
  expect(isCacheError(value)).toBe(false)
})

test('an error of another copy of the package is recognised', () => {
  const foreign = new Error('m')
  Object.defineProperty(foreign, Symbol.for('cachewright.error'), { value: true })
  expect(isCacheError(foreign)).toBe(true)
})
