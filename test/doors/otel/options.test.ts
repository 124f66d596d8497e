import { type CacheManager, createCacheManager } from 'cachewright'
import { instrument } from 'cachewright/otel'

const manager = createCacheManager()
afterAll(() => manager.close())

const refused: readonly [string, unknown, object][] = [
  ['no manager', {}, { code: 'CW_OPTION_INVALID', message: /give the manager/ }],
  ['an option there is not', { span: true }, { code: 'CW_OPTION_UNKNOWN', message: /Did you mean `spans`/ }],
  [
    'what is no flag',
    { keys: 'all' },
    { code: 'CW_OPTION_INVALID', message: /`keys` must be true or false, got 'all'/ },
  ],
  ['what is no provider', { tracerProvider: {} }, { code: 'CW_OPTION_INVALID', message: /with `getTracer\(\)`/ }],
  ['a provider of the other kind', { meterProvider: { getTracer() {} } }, { message: /with `getMeter\(\)`/ }],
]

test.each(refused)('%s is refused', (what, options, { code, message }: { code?: string; message?: RegExp }) => {
  expect(() => instrument(what === 'no manager' ? ({} as CacheManager) : manager, options as object)).toThrow(
    expect.objectContaining({ ...(code && { code }), message: expect.stringMatching(message!) as string }),
  )
})

test('without an SDK nothing is told, and nothing fails', async () => {
  const end = instrument(manager)
  await expect(manager.cache('c').getOrLoad('a', async () => 'value')).resolves.toBe('value')
  end()
})
