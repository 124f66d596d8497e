import { Cacheable, CacheableMany, cacheContext, type DetectedRead, detect } from 'cachewright'
import { gate } from '../../support/gate'
import { places, quietly, world } from './world'

// What `detect` tells of the reads that served some work.

const short = ({ cache, key, from, stale }: DetectedRead): string =>
  `${cache} ${key} ${from}${stale === undefined ? '' : ` ${stale}`}`

/** Where the reads of some work were answered. */
const froms = async (work: () => unknown): Promise<string[]> => (await detect(async () => work())).reads.map(short)

afterEach(() => void jest.restoreAllMocks())

describe.each(places)('detect, cached %s', (place) => {
  const its = world(place)
  const { manager } = its

  class Names {
    answer = (id: string): Promise<string> => Promise.resolve(`name of ${id}`)

    @Cacheable({ manager, cache: 'names', ttl: '1m' })
    find(id: string): Promise<string> {
      return this.answer(id)
    }
  }

  class Pages {
    constructor(private readonly names: Names) {}

    @Cacheable({ manager, cache: 'pages', ttl: '1m' })
    async show(id: string): Promise<string> {
      return `page of ${await this.names.find(id)}`
    }
  }

  test('tells the result, and of each read the cache, the key, where it was answered and how old it is', async () => {
    const names = new Names()
    const first = await detect(() => names.find('a'))
    expect(first).toEqual({
      result: 'name of a',
      reads: [{ cache: 'names', key: 'a', from: 'source', ageMs: 0, stale: undefined }],
    })
    await its.clock.advance(300)
    const second = await detect(() => names.find('a'))
    expect(second.reads).toEqual([{ cache: 'names', key: 'a', from: 'local', ageMs: 300, stale: undefined }])
    expect(String(second)).toBe('names a: local, 300 ms old')
  })

  test('a value that cannot be carried is from the source', async () => {
    quietly()
    const names = new Names()
    names.answer = async () => (() => 1) as never
    expect(await froms(() => names.find('a'))).toEqual(['names a source'])
  })

  test('lists what a method reads while it is called, before what it is called for', async () => {
    const pages = new Pages(new Names())
    expect(await froms(() => pages.show('a'))).toEqual(['names a source', 'pages a source'])
    expect(await froms(() => pages.show('a'))).toEqual(['pages a local'])
  })

  test('lists what caches without annotations answer, and no miss', async () => {
    const cache = its.caching.cache<number>('plain')
    await cache.put('a', 1)
    const work = async () => {
      await cache.get('a')
      await cache.getMany(['b', 'a'])
      await cache.lookup('b')
      await cache.getOrLoad('c', () => 3)
    }
    expect(await froms(work)).toEqual(['plain a local', 'plain a local', 'plain c source'])
  })

  test('lists each element of a list', async () => {
    class Lists {
      @CacheableMany({ manager, cache: 'elements' })
      async find(ids: readonly string[]): Promise<string[]> {
        return [...ids]
      }
    }
    const lists = new Lists()
    await lists.find(['a'])
    if (place === 'on Redis')
      await (await its.another()).cache('elements').putMany([
        ['b', 'b'],
        ['c', 'c'],
      ])
    const shared = place === 'on Redis' ? 'shared' : 'source'
    const found = await froms(() => lists.find(['a', 'b', 'c', 'd']))
    expect(found.toSorted()).toEqual([
      'elements a local',
      `elements b ${shared}`,
      `elements c ${shared}`,
      'elements d source',
    ])
  })

  test('does not mix requests that run at once, though they wait for one load', async () => {
    const names = new Names()
    const slow = gate<string>()
    names.answer = () => slow.pass()
    const requests = ['a', 'a', 'b'].map((id) => froms(() => names.find(id)))
    await slow.entered
    slow.open('x')
    expect(await Promise.all(requests)).toEqual([['names a source'], ['names a source'], ['names b source']])
  })

  test('a request inside of a request has a list of its own', async () => {
    const names = new Names()
    let inner: string[] = []
    const outer = await froms(async () => {
      await names.find('a')
      inner = await froms(() => names.find('b'))
      await names.find('c')
    })
    expect(inner).toEqual(['names b source'])
    expect(outer).toEqual(['names a source', 'names c source'])
  })

  test('leaves out what is loaded anew in the background', async () => {
    const names = new Names()
    class Fresh {
      calls = 0
      @Cacheable({ manager, cache: 'fresh', ttl: '1s', staleWhileRevalidate: '1m' })
      async show(id: string): Promise<string> {
        this.calls++
        return names.find(`${id}${this.calls}`)
      }
    }
    const fresh = new Fresh()
    await fresh.show('a')
    await its.clock.advance(1_100)
    const { reads } = await detect(async () => {
      await fresh.show('a')
      while (fresh.calls < 2) await new Promise(setImmediate)
      await names.find('a2')
    })
    expect(reads.map(short)).toEqual([
      expect.stringMatching(/^fresh a (?:local|shared) revalidating$/) as string,
      'names a2 source',
    ])
    expect(reads[0]?.ageMs).toBeCloseTo(1_100, -2)
  })

  test('tells why a value past its life was served, and that nothing but the fallback answered', async () => {
    class Weak {
      fails = false
      @Cacheable({ manager, cache: 'weak', ttl: '1s', staleIfError: '1m', fallback: () => 'none' })
      async find(id: string): Promise<string> {
        if (this.fails) throw new Error('down')
        return id
      }
    }
    const weak = new Weak()
    await weak.find('a')
    weak.fails = true
    await its.clock.advance(1_100)
    const where = place === 'in process' ? 'local' : '(?:local|shared)'
    const matching = (text: string): string => expect.stringMatching(new RegExp(`^${text}$`)) as string
    expect(await froms(() => weak.find('a'))).toEqual([matching(`weak a ${where} error`)])
    expect(await froms(() => weak.find('a'))).toEqual([matching(`weak a ${where} resting`)])
    expect(await detect(() => weak.find('b'))).toEqual({
      result: 'none',
      reads: [{ cache: 'weak', key: 'b', from: 'fallback', ageMs: undefined, stale: undefined }],
    })
  })

  test('a value that the source confirmed is as old as its confirmation', async () => {
    class Checked {
      @Cacheable({ manager, cache: 'checked', ttl: '1s', staleIfError: '1m' })
      async find(id: string): Promise<string> {
        const context = cacheContext<string>()
        return context?.previous === undefined ? id : context.notModified()
      }
    }
    const checked = new Checked()
    await checked.find('a')
    await its.clock.advance(1_100)
    await checked.find('a')
    await its.clock.advance(200)
    const { reads } = await detect(() => checked.find('a'))
    // On Redis the copy that was read back with the refresh may not have come yet.
    const from = expect.stringMatching(place === 'in process' ? /^local$/ : /^(?:local|shared)$/) as 'local'
    const ageMs = expect.closeTo(200, -2) as number
    expect(reads).toEqual([{ cache: 'checked', key: 'a', from, ageMs, stale: undefined }])
  })

  test('gives the work what was read so far, also where it fails', async () => {
    const names = new Names()
    const said: string[] = []
    const failed = detect(async (detection) => {
      await names.find('a')
      said.push(String(detection))
      await names.find('a')
      said.push(...detection.reads.map(short))
      throw new Error('the work failed')
    })
    await expect(failed).rejects.toThrow('the work failed')
    expect(said).toEqual(['names a: source, 0 ms old', 'names a source', 'names a local'])
  })

  test('what the work started and did not wait for is not listed once it is over', async () => {
    const names = new Names()
    const slow = gate<string>()
    let late: Promise<string> | undefined
    let kept: { readonly reads: readonly DetectedRead[] } | undefined
    const { reads } = await detect(async (detection) => {
      kept = detection
      names.answer = () => slow.pass()
      late = names.find('late')
      await slow.entered
    })
    // Others detect meanwhile.
    await detect(async () => {
      slow.open('x')
      await late
    })
    expect(reads).toEqual([])
    expect(kept?.reads).toEqual([])
  })

  test('of several caches of one read, each is listed with what answered it', async () => {
    class Both {
      @Cacheable({ manager, cache: ['near', 'far'] })
      async find(id: string): Promise<string> {
        return id
      }
    }
    await its.caching.cache('far').put('a', 'x')
    expect(await froms(() => new Both().find('a'))).toEqual(['far a local', 'near a source'])
  })

  if (place === 'on Redis') {
    // To within 50 ms: each process has measured for itself what time it is for the server.
    const about = (ms: number): number => expect.closeTo(ms, -2) as number

    test('tells what came from the shared tier, as old as it was put there by another process', async () => {
      const other = await its.another()
      await other.cache('names').put('a', 'put elsewhere')
      await its.clock.advance(400)
      const { reads } = await detect(() => new Names().find('a'))
      expect(reads).toEqual([{ cache: 'names', key: 'a', from: 'shared', ageMs: about(400), stale: undefined }])
      await other.cache('names').put('b', 'put elsewhere')
      await its.clock.advance(100)
      const found = await detect(() => its.caching.cache('names').getMany(['b']))
      expect(found.reads).toEqual([{ cache: 'names', key: 'b', from: 'shared', ageMs: about(100), stale: undefined }])
    })

    test('everyone who waited for one answer of the shared tier has it from there', async () => {
      const other = await its.another()
      await other.cache('names').put('a', 'put elsewhere')
      const names = new Names()
      const requests = [0, 1].map(() => froms(() => names.find('a')))
      expect(await Promise.all(requests)).toEqual([['names a shared'], ['names a shared']])
    })
  }
})
