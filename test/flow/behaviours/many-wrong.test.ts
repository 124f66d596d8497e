import { Cacheable, CacheableMany, CacheConfig, CacheEvict } from 'cachewright'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, quietly, world } from './world'

// What lists make of methods and functions that do not fit: C104.

afterEach(() => void jest.restoreAllMocks())

describe.each(places)('a list, cached %s', (place) => {
  const its = world(place, { defaults: { ttl: '10s' }, maxStaleness: '1h' })
  const { manager } = its

  interface Row {
    readonly id: number | string
    readonly name: string
  }

  class Rows {
    readonly asked: unknown[][] = []
    answer: unknown = []

    @CacheableMany({ manager, cache: 'rows', idOf: (row: Row) => row.id as number })
    async named(ids: readonly number[]): Promise<Row[]> {
      this.asked.push([...ids])
      return this.answer as Row[]
    }

    @CacheableMany({ manager, cache: 'rows', map: true })
    async mapped(ids: readonly number[]): Promise<Map<number, Row>> {
      this.asked.push([...ids])
      return this.answer as Map<number, Row>
    }

    @CacheableMany({ manager, cache: 'rows' })
    async placed(ids: readonly number[]): Promise<unknown[]> {
      this.asked.push([...ids])
      return this.answer as unknown[]
    }
  }

  const rows = (...ids: readonly (number | string)[]): Row[] => ids.map((id) => ({ id, name: `row ${id}` }))
  const cached = (): Promise<unknown> => its.caching.cache('rows').getMany([1, 2])

  test('two values for one element: the last stands', async () => {
    const service = new Rows()
    service.answer = [...rows(1, 2), { id: 1, name: 'again' }]
    expect((await service.named([1, 2])).map(({ name }) => name)).toEqual(['again', 'row 2'])
    await service.named([1, 2])
    expect(service.asked).toHaveLength(1)
  })

  test('values in another order, more than were asked for and fewer belong where their ids say', async () => {
    const service = new Rows()
    service.answer = rows(9, 3, 1)
    expect((await service.named([1, 2, 3])).map(({ id }) => id)).toEqual([1, 3])
    // Nobody asked for it: it may have been evicted while it was loaded.
    expect(await its.caching.cache('rows').get(9)).toBeUndefined()
  })

  test.each([
    [
      'a value of another type',
      'named',
      rows('1', '2'),
      /asked for 1 \(number\), and a value is said to belong to '1'.*`idOf`/,
    ],
    [
      'a value without its id',
      'named',
      [{ name: 'row' }],
      /asked for 1 .*, and a value is said to belong to undefined/,
    ],
    [
      'a value that `idOf` cannot read',
      'named',
      [
        true,
        Object.create({
          get id() {
            throw new Error('no id')
          },
        }),
      ],
      /`idOf` threw .*no id/,
    ],
    [
      'a key of another type',
      'mapped',
      new Map([['1', rows(1)[0]]]),
      /asked for 1 .* The keys of the Map must be the elements/,
    ],
    ['duplicates by place', 'placed', [1, 1, 2], /for 2 elements the method returned 3/],
  ] as const)('%s is refused by name, and nothing is kept', async (_, method, answer, message) => {
    const service = new Rows()
    service.answer = answer
    await expect(service[method]([1, 2])).rejects.toMatchObject({
      code: 'CW_BATCH_MISMATCH',
      message: expect.stringMatching(message),
    })
    expect(await cached()).toEqual([undefined, undefined])
  })

  test('a value that cannot be kept is answered with, and the others are kept', async () => {
    quietly()
    const service = new Rows()
    const odd = (): void => {}
    service.answer = [odd, 'two']
    expect(await service.placed([1, 2])).toEqual([odd, 'two'])
    expect(await cached()).toEqual([undefined, 'two'])
  })

  test('a key function that throws for one element leaves the call to the method', async () => {
    quietly()
    const skipped = jest.fn()
    its.caching.on('skipped', skipped)
    class Service {
      @CacheableMany({
        manager,
        cache: 'rows',
        key: (id: number) => {
          if (id === 2) throw new Error('no key')
          return id
        },
      })
      async find(ids: readonly number[]): Promise<number[]> {
        return [...ids]
      }
    }
    expect(await new Service().find([1, 2])).toEqual([1, 2])
    expect(skipped).toHaveBeenCalledTimes(1)
    expect(await cached()).toEqual([undefined, undefined])
  })

  test('a single and a batch form that disagree about the key are refused where one loads by the other', async () => {
    class Service {
      @CacheableMany({ manager, cache: 'rows', key: (id: number) => ['row', id] })
      async many(ids: readonly number[]): Promise<number[]> {
        return [...ids]
      }
      @Cacheable({ manager, cache: 'rows', loadMany: 'many' })
      async one(id: number): Promise<number> {
        return id
      }
    }
    await expect(async () => new Service().one(1)).rejects.toMatchObject({
      code: 'CW_DEFINITION_CONFLICT',
      message: expect.stringMatching(/Service\.many and .*Service\.one, make different keys .*'rows': row,#1 and #1/),
    })
  })

  test('and are two entries where they stand beside each other', async () => {
    const asked: unknown[] = []
    class Service {
      @CacheableMany({ manager, cache: 'rows', key: (id: number) => ['row', id] })
      async many(ids: readonly number[]): Promise<number[]> {
        asked.push([...ids])
        return [...ids]
      }
      @Cacheable({ manager, cache: 'rows' })
      async one(id: number): Promise<number> {
        asked.push(id)
        return id
      }
    }
    const service = new Service()
    for (let time = 0; time < 2; time++) {
      expect(await service.many([1])).toEqual([1])
      expect(await service.one(1)).toBe(1)
    }
    expect(asked).toEqual([[1], 1])
  })

  test('loadMany: a condition says which calls are cached and gathered; the others go to the method for one', async () => {
    const asked: unknown[] = []
    class Service {
      @CacheableMany({ manager, cache: 'rows' })
      async many(ids: readonly number[]): Promise<number[]> {
        asked.push([...ids])
        return [...ids]
      }
      @Cacheable({ manager, cache: 'rows', loadMany: 'many', condition: (id: number) => id > 0 })
      async one(id: number): Promise<number> {
        asked.push(id)
        return id
      }
    }
    const service = new Service()
    for (let time = 0; time < 2; time++) {
      expect(await Promise.all([1, 2, -3].map((id) => service.one(id)))).toEqual([1, 2, -3])
    }
    expect(asked).toEqual([-3, [1, 2], -3])
  })

  test('loadMany beside several caches, or other decorators, is refused', async () => {
    expect(() => {
      class Service {
        @Cacheable({ manager, cache: ['rows', 'others'], loadMany: 'many' })
        async one(id: number): Promise<number> {
          return id
        }
      }
      return Service
    }).toThrow(/Service\.one: options `loadMany` and `cache` contradict each other/)
    @CacheConfig({ cache: ['rows', 'others'] })
    class Configured {
      @Cacheable({ manager, loadMany: 'many' })
      async one(id: number): Promise<number> {
        return id
      }
    }
    await expect(async () => new Configured().one(1)).rejects.toThrow(/take away .* further caches/)
    class Beside {
      @CacheEvict({ manager, cache: 'others' })
      @Cacheable({ manager, cache: 'rows', loadMany: 'many' })
      async one(id: number): Promise<number> {
        return id
      }
    }
    await expect(async () => new Beside().one(1)).rejects.toThrow(/take away the other decorators/)
  })

  if (place === 'on Redis') {
    test('an element that is missing is missed once', async () => {
      const service = new Rows()
      service.answer = rows(1, 2, 3)
      await service.named([1, 2])
      await service.named([1, 2, 3])
      const stats = its.caching.cache('rows').stats()
      expect([stats.misses, stats.shared?.misses, stats.local.misses]).toEqual([3, 3, 3])
      await its.caching.cache('rows').getMany([1, 8, 9])
      expect(its.caching.cache('rows').stats().shared?.misses).toBe(5)
    })

    test('the leases of a list that takes long are renewed by one command', async () => {
      const door = gate()
      class Slow {
        @CacheableMany({ manager, cache: 'slow' })
        async find(ids: readonly number[]): Promise<number[]> {
          await door.pass()
          return [...ids]
        }
      }
      const found = new Slow().find([1, 2, 3])
      await door.entered
      await its.server.resetStats()
      await its.clock.advance(2_000)
      await eventually(async () => (await its.server.commandStats()).pexpire === 3)
      // The others are heartbeats.
      expect((await its.server.commandStats()).evalsha).toBeLessThanOrEqual(3)
      door.open()
      expect(await found).toEqual([1, 2, 3])
      expect(await its.caching.cache('slow').getMany([1, 2, 3])).toEqual([1, 2, 3])
    })

    test('the tags of a list that this process has not met are asked for at once, and its leases and fills are one command each', async () => {
      class Tagged {
        @CacheableMany({ manager, cache: 'tagged', tags: (_: number, id: number) => [`tag:${id}`] })
        async find(ids: readonly number[]): Promise<number[]> {
          return [...ids]
        }
      }
      const ids = Array.from({ length: 50 }, (_, id) => id)
      const other = (await its.another()).bind(new Tagged())
      await new Tagged().find([99])
      await other.find([98])
      await its.server.resetStats()
      await new Tagged().find(ids)
      const filled = await its.server.commandStats()
      // Leases, fills, and the markers that are made.
      expect([filled.mget, filled.evalsha]).toEqual([2, 3])
      await its.server.resetStats()
      expect(await other.find(ids)).toEqual(ids)
      const read = await its.server.commandStats()
      expect([read.mget, read.evalsha ?? 0]).toEqual([2, 0])
    })
  }
})
