import { AsyncLocalStorage } from 'node:async_hooks'
import { CacheableMany, type CacheManager, type CacheTracer, createCacheManager, type TracedWork } from 'cachewright'
import { warningsDuring } from '../../support/warnings'

let own: CacheManager
beforeEach(() => {
  own = createCacheManager()
})
afterEach(() => own.close())

const read = (key = 'a', value: unknown = 'value'): Promise<unknown> => own.cache('c').getOrLoad(key, async () => value)
const fail = (error: unknown): Promise<unknown> => own.cache('c').getOrLoad('a', () => Promise.reject(error))

test('a tracer stands around loads, and is asked nothing of a hit', async () => {
  const log: unknown[] = []
  own.trace(async (work, run) => {
    log.push(work)
    log.push(await run())
  })
  await read()
  await read()
  expect(log).toEqual([{ kind: 'load', cache: 'c', key: 'a' }, 'value'])
  expect(Object.isFrozen(log[0])).toBe(true)
})

test('a tracer is called in the context of the caller, and lends its own to the method', async () => {
  const context = new AsyncLocalStorage<string>()
  const seen: unknown[] = []
  own.trace((_, run) => {
    seen.push(context.getStore())
    return context.run('load', run)
  })
  await context.run('request', () =>
    own.cache('c').getOrLoad('a', async () => {
      await null
      seen.push(context.getStore())
    }),
  )
  expect(seen).toEqual(['request', 'load'])
})

test('several stand around each other, each until it is taken off', async () => {
  const log: string[] = []
  const tracer =
    (name: string): CacheTracer =>
    async (_, run) => {
      log.push(`${name} begins`)
      await run()
      log.push(`${name} ends`)
    }
  const [inner, outer] = [own.trace(tracer('inner')), own.trace(tracer('outer'))]
  await read('a')
  expect(log).toEqual(['outer begins', 'inner begins', 'inner ends', 'outer ends'])
  outer()
  await read('b')
  expect(log.slice(4)).toEqual(['inner begins', 'inner ends'])
  inner()
  await read('d')
  expect(log).toHaveLength(6)
})

describe('whatever a tracer does, the call is answered, and the method called once', () => {
  const tracers: readonly [string, CacheTracer, warns: boolean][] = [
    ['throws', () => failing(), true],
    ['throws later', (_, run) => run().then(failing), true],
    ['throws after the work has begun', (_, run) => failing(run()), true],
    ['does not run the work', () => {}, false],
    ['runs it twice', (_, run) => Promise.all([run(), run()]), false],
    ['answers something else', (_, run) => run().then(() => 'other'), false],
    ['never ends', () => new Promise(() => {}), false],
  ]
  function failing(_begun?: unknown): never {
    throw new Error('the tracer is broken')
  }

  test.each(tracers)('%s', async (_, tracer, warns) => {
    let calls = 0
    own.trace(tracer)
    const warnings = await warningsDuring(async () => {
      const answer = await own.cache('c').getOrLoad('a', async () => {
        calls++
        return 'value'
      })
      expect(answer).toBe('value')
      await new Promise((resolve) => setImmediate(resolve))
    })
    expect(calls).toBe(1)
    expect(warnings.map(({ code, message }) => [code, message])).toEqual(
      warns ? [['CW_FUNCTION_FAILED', 'A tracer of a load failed: the tracer is broken']] : [],
    )
  })
})

test('the error of the method goes to the caller, and is no failure of a tracer that passes it on', async () => {
  const seen: unknown[] = []
  own.trace((_, run) =>
    run().catch((error: unknown) => {
      seen.push(error)
      throw error
    }),
  )
  const error = new Error('no')
  await expect(fail(error)).rejects.toBe(error)
  expect(seen).toEqual([error])
})

test('what is no tracer is refused', () => {
  expect(() => own.trace('tracer' as unknown as CacheTracer)).toThrow(
    expect.objectContaining({
      code: 'CW_OPTION_INVALID',
      message: "trace(): the tracer must be a function, got 'tracer'.",
    }),
  )
})

test('a list is one load', async () => {
  const works: TracedWork[] = []
  own.trace((work) => works.push(work))
  class Rows {
    @CacheableMany({ cache: 'c', ttl: '1m', manager: () => own })
    async find(ids: readonly string[]): Promise<readonly string[]> {
      return ids
    }
  }
  await new Rows().find(['a', 'b', 'c'])
  expect(works).toEqual([{ kind: 'load', cache: 'c', key: undefined }])
})
