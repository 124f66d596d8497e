import { Cacheable, CacheableMany, CachePut, cached, type WarmList, type WarmProgress } from 'cachewright'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, world } from './world'

// Values that are there before anybody asks: `caching.warm` and `cached(service).method.warm`.

const one = (id: string): [string] => [id]
const ids = (count: number, from = 0): string[] => Array.from({ length: count }, (_, index) => `${from + index}`)
const failures: readonly unknown[] = []

describe.each(places)('warming, cached %s', (place) => {
  const its = world(place, { defaults: { ttl: '10s' } })
  const { manager } = its

  /** Counts what is asked of it, and stops where a test wants it to. */
  class Source {
    calls: string[] = []
    under = 0
    most = 0
    at = async (_id: string): Promise<void> => {}

    async ask(id: string): Promise<string> {
      this.calls.push(id)
      this.most = Math.max(this.most, ++this.under)
      try {
        await this.at(id)
        return `value ${id}`
      } finally {
        this.under--
      }
    }
  }

  class Service {
    constructor(readonly source = new Source()) {}

    @Cacheable({ manager, cache: 'one' })
    async find(id: string): Promise<string> {
      return this.source.ask(id)
    }

    @Cacheable({ manager, cache: 'two' })
    async price(id: string, currency = 'EUR'): Promise<string> {
      return this.source.ask(`${id} in ${currency}`)
    }

    @Cacheable({
      manager,
      cache: 'standing',
      staleWhileRevalidate: '10s',
      staleIfError: '1m',
      fallback: () => 'fallback',
    })
    async standing(id: string): Promise<string> {
      return this.source.ask(id)
    }

    @Cacheable({ manager, cache: 'around' })
    async around(id: string): Promise<string> {
      return `around ${await this.standing(id)}`
    }

    @CacheableMany({ manager, cache: 'gathered' })
    async many(ids: readonly string[]): Promise<string[]> {
      this.source.calls.push(ids.join())
      return ids.map((id) => `value ${id}`)
    }

    @Cacheable({ manager, cache: 'gathered', loadMany: 'many' })
    async gathered(id: string): Promise<string> {
      return this.source.ask(id)
    }

    @CachePut({ manager, cache: 'one' })
    async save(id: string): Promise<string> {
      return id
    }
  }

  const failing = (...broken: string[]): ((id: string) => Promise<void>) => {
    return async (id) => {
      if (broken.includes(id)) throw new Error(`no ${id}`)
    }
  }

  test('several methods, so many at once of all of them; each step is told, to the caller and to listeners', async () => {
    const service = new Service()
    const { source } = service
    const open = gate()
    source.at = () => open.pass()
    const [told, heard]: [WarmProgress[], WarmProgress[]] = [[], []]
    its.caching.on('warm', (progress) => heard.push(progress))
    const warming = its.caching.warm(
      [
        { method: cached(service).find, with: ids(3).map((id) => [id]) },
        { method: cached(service).price, with: [['0'], ['1', 'USD']] },
      ],
      { concurrency: 4, onProgress: (progress) => told.push(progress) },
    )
    await eventually(() => source.under === 4)
    open.open()
    const report = { done: 5, loaded: 5, failed: 0, position: 5, total: 5 }
    expect(await warming).toEqual({ ...report, isComplete: true, failures })
    expect(source.most).toBe(4)
    expect(told.map(({ done }) => done)).toEqual([1, 2, 3, 4, 5])
    expect([told.at(-1), heard]).toEqual([report, told])
    await service.find('2')
    await service.price('1', 'USD')
    expect(source.calls).toEqual(['0', '1', '2', '0 in EUR', '1 in USD'])
  })

  test('what is fresh costs a look: the method is not called for it', async () => {
    const { find } = cached(new Service())
    expect(await find.warm(ids(2).map(one))).toMatchObject({ loaded: 2 })
    const again = new Service()
    expect(await cached(again).find.warm(ids(3).map(one))).toMatchObject({ done: 3, loaded: 1, failed: 0 })
    expect(again.source.calls).toEqual(['2'])
    // Each key once, though it stands in the list twice.
    expect(await cached(again).find.warm([['3'], ['3']])).toMatchObject({ done: 2, loaded: 1 })
  })

  test('what may stand in for a fresh value is loaded all the same, and kept as ever', async () => {
    const service = new Service()
    const { standing } = cached(service)
    await standing.get('0')
    await its.clock.advance(11_000)
    expect(await standing.warm([['0']])).toMatchObject({ done: 1, loaded: 1 })
    expect(service.source.calls).toEqual(['0', '0'])
    // It may itself be served past its life.
    service.source.at = failing('0')
    await its.clock.advance(11_000)
    expect(await standing.get('0')).toBe('value 0')
    await eventually(() => service.source.calls.length === 3)
  })

  test('a failure is one, also where readers have something instead', async () => {
    const service = new Service()
    const { standing } = cached(service)
    await standing.get('0')
    await its.clock.advance(11_000)
    service.source.at = failing('0', '1')
    const report = await standing.warm([['0'], ['1'], ['2']], { concurrency: 1 })
    expect(report).toMatchObject({ done: 3, loaded: 1, failed: 2, isComplete: true })
    expect(report.failures).toEqual([
      { method: 'Service.standing', args: ['0'], error: new Error('no 0') },
      { method: 'Service.standing', args: ['1'], error: new Error('no 1') },
    ])
    expect([await standing.get('0'), await standing.get('1')]).toEqual(['value 0', 'fallback'])
  })

  test('what the method reads for its value is read as ever', async () => {
    const service = new Service()
    service.source.at = failing('1')
    expect(await cached(service).around.warm([['1']])).toMatchObject({ loaded: 1, failed: 0 })
    expect(await cached(service).around.peek('1')).toEqual({ found: true, value: 'around fallback' })
  })

  test('of many failures the first ten are told', async () => {
    const service = new Service()
    service.source.at = failing(...ids(12))
    const report = await cached(service).find.warm(ids(20).map(one))
    expect(report).toMatchObject({ done: 20, loaded: 8, failed: 12 })
    expect(report.failures).toHaveLength(10)
  })

  test('the signal ends it at once, whatever hangs; another run loads what is missing', async () => {
    const service = new Service()
    const [stop, hangs] = [new AbortController(), gate()]
    service.source.at = async (id) => (id === '5' ? hangs.pass() : undefined)
    const { find } = cached(service)
    const calls = ids(8).map(one)
    const warming = find.warm(calls, { concurrency: 1, signal: stop.signal })
    await hangs.entered
    stop.abort()
    const report = await warming
    expect(report).toEqual({ done: 5, loaded: 5, failed: 0, position: 5, total: 8, isComplete: false, failures })
    service.source.at = async () => {}
    expect(await find.warm(calls)).toMatchObject({ done: 8, loaded: 3, isComplete: true })
    hangs.open()
    expect(service.source.calls).toEqual([...ids(6), ...ids(3, 5)])
    expect(await find.warm(calls, { signal: stop.signal })).toMatchObject({ done: 0, isComplete: false })
  })

  test('the position is behind the first call that has not ended: a run from there misses none', async () => {
    const service = new Service()
    const [stop, hangs] = [new AbortController(), gate()]
    service.source.at = async (id) => (id === '2' ? hangs.pass() : undefined)
    let last: WarmProgress | undefined
    const warming = cached(service).find.warm(ids(6).map(one), {
      concurrency: 2,
      signal: stop.signal,
      onProgress: (progress) => {
        last = progress
      },
    })
    await eventually(() => last?.done === 5)
    stop.abort()
    expect(last).toMatchObject({ done: 5, position: 2 })
    const { position } = await warming
    hangs.open()
    await cached(service).find.warm(ids(6).slice(position).map(one))
    for (const id of ids(6)) expect(await cached(service).find.peek(id)).toMatchObject({ found: true })
  })

  test('close() ends it, and calls nothing more', async () => {
    const service = new Service()
    const hangs = gate()
    service.source.at = async (id) => (id === '3' ? hangs.pass() : undefined)
    const another = await its.another()
    const bound = another.bind(service)
    const warming = cached(bound).find.warm(ids(100).map(one), { concurrency: 1 })
    await hangs.entered
    const closing = another.close()
    expect(await warming).toMatchObject({ done: 3, isComplete: false })
    hangs.open()
    await closing
    expect(service.source.calls).toEqual(ids(4))
    expect(await another.warm([])).toMatchObject({ isComplete: false })
  })

  test.each(['an iterable', 'an async iterable'])('of %s no more is taken than goes on at once', async (kind) => {
    const service = new Service()
    const [stop, hangs] = [new AbortController(), gate()]
    service.source.at = () => hangs.pass()
    let [taken, isClosed] = [0, false]
    function* endless(): Generator<[string]> {
      try {
        for (;;) yield [`${taken++}`]
      } finally {
        isClosed = true
      }
    }
    async function* lazily(): AsyncGenerator<[string]> {
      yield* endless()
    }
    const list = kind === 'an iterable' ? endless() : lazily()
    const warming = cached(service).find.warm(list, { concurrency: 70, signal: stop.signal })
    await eventually(() => service.source.under === 70)
    await new Promise(setImmediate)
    expect(taken).toBe(70)
    stop.abort()
    expect(await warming).toMatchObject({ done: 0, total: undefined, isComplete: false })
    // It is told that nobody wants the rest.
    await eventually(() => isClosed)
    hangs.open()
  })

  test('a list that hangs does not keep it from ending', async () => {
    const [stop, hangs] = [new AbortController(), gate()]
    async function* list(): AsyncGenerator<[string]> {
      yield ['0']
      await hangs.pass()
    }
    const warming = cached(new Service()).find.warm(list(), { signal: stop.signal })
    await hangs.entered
    stop.abort()
    expect(await warming).toMatchObject({ isComplete: false })
    hangs.open()
  })

  test('what is all fresh leaves the process its turns', async () => {
    const { find } = cached(new Service())
    await find.put(['0'], 'value')
    const stop = new AbortController()
    setImmediate(() => stop.abort())
    function* same(): Generator<[string]> {
      for (let count = 0; count < 1_000_000; count++) yield ['0']
    }
    expect(await find.warm(same(), { signal: stop.signal })).toMatchObject({ isComplete: false })
  })

  test('single calls are gathered where the method has a method for many', async () => {
    const service = new Service()
    const report = await cached(service).gathered.warm(ids(10).map(one), { concurrency: 4 })
    expect(report).toMatchObject({ done: 10, loaded: 10 })
    expect(service.source.calls).toEqual(['0,1,2,3', '4,5,6,7', '8,9'])
    expect(await cached(service).many.warm([[['8', '9', '10']], [['1']]])).toMatchObject({ done: 2, loaded: 1 })
    expect(service.source.calls.slice(3)).toEqual(['10'])
  })

  test('what a list throws, or the listener, is thrown when nothing goes on any more', async () => {
    const service = new Service()
    function* broken(): Generator<[string]> {
      yield ['0']
      throw new Error('cursor')
    }
    await expect(cached(service).find.warm(broken())).rejects.toThrow('cursor')
    const throws = (): void => {
      throw new Error('listener')
    }
    const calls = ids(100).map(one)
    await expect(cached(service).find.warm(calls, { onProgress: throws, concurrency: 1 })).rejects.toThrow('listener')
    const rejects = async (): Promise<void> => throws()
    await expect(cached(service).find.warm(calls, { onProgress: rejects })).rejects.toThrow('listener')
    expect(service.source.calls.length).toBeLessThan(50)
  })

  test('what cannot be warmed is refused by name', async () => {
    const service = new Service()
    const { find, save } = cached(service)
    const refused = (lists: readonly unknown[], options = {}): Promise<unknown> =>
      its.caching.warm(lists as WarmList[], options)
    await expect(refused([{ method: service.find, with: [] }])).rejects.toThrow(
      /warm\(\): list 0: option `method` must be the handle of a method under @Cacheable/,
    )
    await expect(refused([{ method: find }])).rejects.toThrow(/`with` must be an array or another iterable/)
    await expect(refused([{ method: find, with: [], whit: [] }])).rejects.toThrow(/no option `whit`/)
    await expect(refused([null])).rejects.toThrow(/list 0: option `method` must be/)
    await expect(refused([], { concurrency: 0 })).rejects.toThrow(/`concurrency` must be a whole number above 0/)
    await expect(refused(null as never)).rejects.toThrow(/warm\(\): give a list, got null/)
    await expect(refused([{ method: save, with: [['1']] }])).rejects.toThrow(/Service.save does not stand under/)
    await expect(refused([{ method: find, with: ['12'] }])).rejects.toThrow(
      /warm of Service.find: each of the calls is an array of arguments, got '12'/,
    )
    const another = await its.another()
    await expect(another.warm([{ method: find, with: [] }])).rejects.toThrow(/Service.find uses another cache manager/)
    expect(service.source.calls).toEqual([])
  })
})
