import { Cacheable, CacheEvict, type CacheManager, CachePut, createCacheManager } from 'cachewright'
import { settle } from 'cachewright/testing'
import { gate } from '../support/gate'

let own: CacheManager
const manager = (): CacheManager => own
beforeEach(() => {
  own = createCacheManager()
})
afterEach(() => own.close())

/** A method that answers at once, as JavaScript or a wrong type may have it. */
const sync = (): never => 'at once' as never

describe('a method that returns no promise', () => {
  class Rows {
    @Cacheable({ manager, cache: 'read' })
    read(_id: string): Promise<string> {
      return sync()
    }

    @CachePut({ manager, cache: 'put' })
    put(_id: string): Promise<string> {
      return sync()
    }

    @CacheEvict({ manager, cache: 'evict' })
    evict(_id: string): Promise<string> {
      return sync()
    }
  }

  test.each(['read', 'put', 'evict'] as const)(
    'under a decorator that can %s fails at its first call',
    async (name) => {
      const rows = new Rows()
      const answer = rows[name]('1')
      expect(answer).toBeInstanceOf(Promise)
      await expect(answer).rejects.toThrow(TypeError)
      await expect(answer).rejects.toMatchObject({
        code: 'CW_SYNC_METHOD',
        message: expect.stringMatching(new RegExp(`${name}.*promise.*async`)) as string,
      })
      expect(await own.cache(name).lookup('1')).toEqual({ found: false })
    },
  )

  test('may return any thenable', async () => {
    class Own {
      @Cacheable({ manager })
      find(id: string): Promise<string> {
        // biome-ignore lint/suspicious/noThenProperty: what some query builders are
        return { then: (resolve: (value: string) => void) => resolve(`row ${id}`) } as unknown as Promise<string>
      }
    }
    const answer = new Own().find('1')
    expect(answer).toBeInstanceOf(Promise)
    expect(await answer).toBe('row 1')
    expect(await new Own().find('1')).toBe('row 1')
  })

  test('and throws at once: its error is a rejection, and nothing is kept', async () => {
    let calls = 0
    class Own {
      @Cacheable({ manager })
      find(_id: string): Promise<string> {
        calls++
        throw new RangeError('no such row')
      }
    }
    for (let round = 0; round < 2; round++)
      await expect(new Own().find('1')).rejects.toThrow(new RangeError('no such row'))
    expect(calls).toBe(2)
    expect(own.stats()).toMatchObject({ loadFailures: 2, loadSuccesses: 0 })
  })
})

describe('an AbortSignal among the arguments', () => {
  const rowsOver = (slow: { pass(): Promise<string> }) => {
    class Rows {
      readonly signals: (AbortSignal | undefined)[] = []

      @Cacheable({ manager, cache: 'rows' })
      async find(id: string, signal?: AbortSignal): Promise<string> {
        this.signals.push(signal)
        return `${await slow.pass()} ${id}`
      }
    }
    return new Rows()
  }

  test('is no part of the key', async () => {
    const slow = gate<string>()
    slow.open('row')
    const rows = rowsOver(slow)
    await rows.find('1')
    await rows.find('1', new AbortController().signal)
    await rows.find('1', AbortSignal.abort())
    await rows.find('1', undefined)
    expect(rows.signals).toHaveLength(1)
    expect(await own.cache('rows').get('1')).toBe('row 1')
  })

  test('lets its caller leave alone; the others are answered and the work goes on', async () => {
    const slow = gate<string>()
    const rows = rowsOver(slow)
    const [leaving, staying] = [new AbortController(), new AbortController()]
    const first = rows.find('1', leaving.signal)
    const second = rows.find('1', staying.signal)
    await slow.entered
    const reason = new Error('I have to go')
    leaving.abort(reason)
    await expect(first).rejects.toBe(reason)
    expect(rows.signals[0]?.aborted).toBe(false)
    slow.open('row')
    expect(await second).toBe('row 1')
    expect(await rows.find('1')).toBe('row 1')
    expect(rows.signals).toHaveLength(1)
  })

  test('cancels the work when the last caller has left, and the next caller starts anew', async () => {
    const slow = gate<string>()
    const rows = rowsOver(slow)
    const callers = [new AbortController(), new AbortController(), new AbortController()]
    const answers = callers.map(({ signal }) => rows.find('1', signal))
    await slow.entered
    for (const [index, caller] of callers.entries()) {
      expect(rows.signals[0]?.aborted).toBe(false)
      caller.abort(new Error(`left ${index}`))
    }
    const settled = await Promise.allSettled(answers)
    expect(settled.map((its) => (its as PromiseRejectedResult).reason.message)).toEqual(['left 0', 'left 1', 'left 2'])
    expect(rows.signals[0]?.aborted).toBe(true)
    const next = rows.find('1', new AbortController().signal)
    await settle()
    expect(rows.signals).toHaveLength(2)
    slow.open('row')
    expect(await next).toBe('row 1')
    expect(await own.cache('rows').get('1')).toBe('row 1')
  })

  test('of one caller does not cancel what a caller without one waits for', async () => {
    const slow = gate<string>()
    const rows = rowsOver(slow)
    const leaving = new AbortController()
    const first = rows.find('1', leaving.signal)
    const second = rows.find('1')
    await slow.entered
    leaving.abort(new Error('left'))
    await expect(first).rejects.toThrow('left')
    expect(rows.signals[0]?.aborted).toBe(false)
    slow.open('row')
    expect(await second).toBe('row 1')
  })

  test('that is aborted already: the method is not called', async () => {
    const slow = gate<string>()
    const rows = rowsOver(slow)
    await expect(rows.find('1', AbortSignal.abort(new Error('late')))).rejects.toThrow('late')
    expect(rows.signals).toHaveLength(0)
  })

  test('aborted after the answer does nothing', async () => {
    const slow = gate<string>()
    slow.open('row')
    const rows = rowsOver(slow)
    const caller = new AbortController()
    await rows.find('1', caller.signal)
    caller.abort()
    await settle()
    expect(await rows.find('1')).toBe('row 1')
    expect(rows.signals).toHaveLength(1)
    expect(rows.signals[0]?.aborted).toBe(false)
  })

  test('work that fails after all have left is nobody’s unhandled rejection', async () => {
    const slow = gate<string>()
    const rows = rowsOver(slow)
    const caller = new AbortController()
    const answer = rows.find('1', caller.signal)
    await slow.entered
    caller.abort(new Error('left'))
    await expect(answer).rejects.toThrow('left')
    slow.fail(new Error('cancelled'))
    await settle()
  })

  test('reaches the method itself where the method writes', async () => {
    const seen: (AbortSignal | undefined)[] = []
    class Rows {
      @CachePut({ manager, cache: 'c' })
      async save(id: string, signal?: AbortSignal): Promise<string> {
        seen.push(signal)
        return id
      }
    }
    const { signal } = new AbortController()
    await new Rows().save('1', signal)
    expect(seen).toEqual([signal])
    expect(await own.cache('c').get('1')).toBe('1')
  })
})

describe('the functions of an operation', () => {
  test('see the object of no call: they are called with the arguments alone', async () => {
    const seen: unknown[][] = []
    const note =
      <Answer>(answer: Answer) =>
      (...args: unknown[]): Answer => {
        seen.push(args)
        return answer
      }
    class Rows {
      @Cacheable({
        manager,
        cache: 'c',
        condition: note(true),
        key: note('k'),
        unless: note(false),
        tags: note(['t']),
      })
      async find(id: string, size: number): Promise<string> {
        return `${id}/${size}`
      }
    }
    await new Rows().find('1', 2)
    expect(seen).toEqual([
      ['1', 2],
      ['1', 2],
      ['1/2', '1', 2],
      ['1/2', '1', 2],
    ])
  })

  test.each(['condition', 'key', 'unless', 'tags'] as const)(
    'one that throws (%s) costs only the caching',
    async (name) => {
      const fail = (): never => {
        throw new Error('broken')
      }
      const skipped: string[] = []
      own.on('skipped', ({ operation, error }) => skipped.push(`${operation}: ${error.message}`))
      const usual = process.emitWarning
      const warned = jest.fn()
      process.emitWarning = warned
      let calls = 0
      class Rows {
        @Cacheable({ manager, cache: 'c', [name]: fail })
        async find(id: string): Promise<string> {
          calls++
          return id
        }
      }
      try {
        expect([await new Rows().find('1'), await new Rows().find('1')]).toEqual(['1', '1'])
      } finally {
        process.emitWarning = usual
      }
      expect(calls).toBe(2)
      expect(skipped).toHaveLength(2)
      expect(skipped[0]).toMatch(new RegExp(`@Cacheable of .*find.*\`${name}\` threw: broken`))
      expect(warned).toHaveBeenCalledTimes(1)
    },
  )

  test('one that throws something that cannot be shown costs no more', async () => {
    const warned = jest.fn()
    const usual = process.emitWarning
    process.emitWarning = warned
    class Rows {
      @Cacheable({
        manager,
        cache: 'c',
        condition: () => {
          throw Object.create(null)
        },
      })
      async find(id: string): Promise<string> {
        return id
      }
    }
    try {
      expect(await new Rows().find('1')).toBe('1')
    } finally {
      process.emitWarning = usual
    }
    expect(warned).toHaveBeenCalledTimes(1)
  })

  test('`unless` keeps a result out, `condition` the whole operation', async () => {
    let calls = 0
    class Rows {
      @Cacheable({ manager, cache: 'c', condition: (id: string) => id !== 'skip', unless: (row) => row === null })
      async find(id: string): Promise<string | null> {
        calls++
        return id === 'none' ? null : id
      }
    }
    const rows = new Rows()
    for (const id of ['skip', 'none', 'kept']) for (let round = 0; round < 2; round++) await rows.find(id)
    expect(calls).toBe(5)
    expect(own.cache('c').stats()).toMatchObject({ hits: 1, misses: 3 })
  })
})
