import { Cacheable, CacheEvict, type CacheManager, type SharedStore, type SharedStoreFactory } from 'cachewright'
import { redis } from 'cachewright/redis'
import { settle } from 'cachewright/testing'
import { Redis } from 'ioredis'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { freePort } from '../../support/redis-server'
import { type ProxyConnection, startProxy } from '../../support/tcp-proxy'
import { quietly, world } from './world'

// Two managers on one Redis are two processes to each other. Where the clock jumps by more than `maxStaleness`, what
// the other one did is seen by arithmetic alone, whether or not a notice has come.

const its = world('on Redis')
const staleness = 1_001
afterEach(() => void jest.restoreAllMocks())
const cacheOf = (node: CacheManager) => node.cache<unknown>('c')

describe('what one process evicts', () => {
  const changes = [
    ['a key', (node: CacheManager) => cacheOf(node).evict('a')],
    ['a tag', (node: CacheManager) => cacheOf(node).evictTags(['x'])],
    ['a tag in every cache', (node: CacheManager) => node.evictTags(['x'])],
    ['its cache', (node: CacheManager) => cacheOf(node).clear()],
    ['everything', (node: CacheManager) => node.clear()],
  ] as const

  test.each(changes)('C81 C83 is gone for the others and for one that starts later: %s', async (_what, change) => {
    const other = await its.another()
    for (const node of [its.caching, other]) await cacheOf(node).getOrLoad('a', () => 'old', { tags: ['x'] })
    await change(its.caching)
    its.clock.jump(staleness)
    const fresh = await its.another()
    for (const node of [its.caching, other, fresh]) expect(await cacheOf(node).lookup('a')).toEqual({ found: false })
    expect(await cacheOf(other).getOrLoad('a', () => 'new', { tags: ['x'] })).toBe('new')
  })

  test.each(changes)('C114 C125 keeps out what another process was loading meanwhile: %s', async (_what, change) => {
    const other = await its.another()
    const slow = gate<string>()
    const loading = cacheOf(its.caching).getOrLoad('a', () => slow.pass(), { tags: () => ['x'] })
    await slow.entered
    await change(other)
    slow.open('old')
    expect(await loading).toBe('old')
    its.clock.jump(staleness)
    for (const node of [its.caching, other, await its.another()]) {
      expect(await cacheOf(node).lookup('a')).toEqual({ found: false })
    }
  })

  test('C114 the same for a DEL by whatever program: the store is refused and the key stays absent', async () => {
    const slow = gate<string>()
    const loading = cacheOf(its.caching).getOrLoad('a', () => slow.pass())
    await slow.entered
    expect(await its.server.command('DEL', 'cache:c:1:{a}')).toBe(1)
    slow.open('old')
    expect(await loading).toBe('old')
    expect(await its.server.command('EXISTS', 'cache:c:1:{a}')).toBe(0)
    its.clock.jump(staleness)
    expect(await cacheOf(its.caching).lookup('a')).toEqual({ found: false })
  })

  test('C95 what a reader fetched from the shared tier while an evict was on its way is not kept', async () => {
    const slow = gate()
    const factory = redis({ url: its.server.url })
    const own = await its.another({
      shared: {
        ...factory,
        open: (context) => {
          // Nor does the server’s word of it come in time.
          const store = factory.open({ ...context, listener: { invalidated: () => {}, gap: () => {} } })
          return new Proxy(store, {
            get: (_, name: keyof SharedStore) => {
              const value: unknown = store[name]
              if (typeof value !== 'function') return value
              return (...args: unknown[]) =>
                name === 'delete'
                  ? slow.pass().then(() => store.delete(args[0] as string[]))
                  : (Reflect.apply(value, store, args) as unknown)
            },
          })
        },
      },
    })
    await cacheOf(own).put('a', 'old')
    const evicting = cacheOf(own).evict('a')
    await slow.entered
    expect(await cacheOf(own).get('a')).toBe('old')
    slow.open()
    await evicting
    expect(await cacheOf(own).lookup('a')).toEqual({ found: false })
  })

  test('C102 an entry is judged by the markers of its own tags, also where nothing is known of them yet', async () => {
    await cacheOf(its.caching).getOrLoad('a', () => 'old', { tags: ['x'] })
    await cacheOf(its.caching).getOrLoad('b', () => 'kept', { tags: ['y'] })
    await its.caching.evictTags(['x'])
    const fresh = await its.another()
    expect(await Promise.all([cacheOf(fresh).lookup('a'), cacheOf(fresh).lookup('b')])).toEqual([
      { found: false },
      { found: true, value: 'kept' },
    ])
  })
})

describe('a value read by one method from several caches', () => {
  const source = { value: '' }

  class Reports {
    @Cacheable({ cache: ['one', 'two'], tags: () => ['x'] })
    async find(_id: string): Promise<string> {
      return source.value
    }

    @CacheEvict({ cache: ['one', 'two'] })
    async changed(_id: string): Promise<void> {}
  }

  // What the server tells the other process is held on its way, as on a slow line: shorter than `maxStaleness`.
  const late = async (): Promise<{ other: CacheManager; deliver(): void; close(): Promise<void> }> => {
    const proxy = await startProxy(its.server.port)
    const other = await its.another({
      shared: redis({ url: proxy.url }),
      caches: { one: { local: false } },
    })
    await other.ready()
    const listening = proxy.connections.find((connection) => /subscribe/i.test(connection.sent('toServer')))
    listening?.hold('toClient')
    return { other, deliver: () => listening?.release('toClient'), close: () => proxy.close() }
  }

  test.each(['keys', 'tags'] as const)(
    'C42 C81 a copy that one cache may still serve does not become a new entry of another (%s)',
    async (what) => {
      const { other, deliver, close } = await late()
      try {
        const [here, there] = [its.caching.bind(new Reports()), other.bind(new Reports())]
        source.value = 'old'
        await here.find('a')
        await there.find('a')
        await other.cache('two').get('a')
        source.value = 'new'
        if (what === 'keys') await here.changed('a')
        else {
          await its.caching.evictTags(['x'])
          await its.caching.cache('one').evict('a')
          await other.evictTags(['another'])
        }
        // Now it may answer with either.
        await there.find('a')
        deliver()
        its.clock.jump(staleness)
        expect(await here.find('a')).toBe('new')
        expect(await there.find('a')).toBe('new')
      } finally {
        await other.close()
        await close()
      }
    },
  )
})

describe('a load of a cold key', () => {
  test('C116 C133 in four processes at once is one call, by whichever callers', async () => {
    const nodes = [its.caching, await its.another(), await its.another(), await its.another()]
    await Promise.all(nodes.map((node) => node.ready()))
    const slow = gate<string>()
    const waiting = nodes.flatMap((node) =>
      Array.from({ length: 100 }, () => cacheOf(node).getOrLoad('a', () => slow.pass())),
    )
    await slow.entered
    slow.open('value')
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['value']))
    expect(slow.entries).toBe(1)
  })

  test('C117 that fails gives its lease back at once, and who waited loads', async () => {
    const other = await its.another()
    await Promise.all([its.caching.ready(), other.ready()])
    const slow = gate<string>()
    const first = cacheOf(its.caching).getOrLoad('a', () => slow.pass())
    await slow.entered
    const second = cacheOf(other).getOrLoad('a', () => 'mine')
    slow.fail(new Error('no row'))
    await expect(first).rejects.toThrow('no row')
    expect(await second).toBe('mine')
  })
})

describe('a lease', () => {
  test('C115 whose holder has died runs out, and who waited for it loads', async () => {
    const slow = gate<string>()
    const alive = cacheOf(its.caching).getOrLoad('a', () => slow.pass())
    await slow.entered
    // Nobody renews this one.
    await its.server.command('COPY', 'cache:c:1:{a}', 'cache:c:1:{b}')
    await its.server.command('PEXPIRE', 'cache:c:1:{b}', 50)
    const other = await its.another()
    expect(await cacheOf(other).getOrLoad('b', () => 'b')).toBe('b')
    expect(await cacheOf(await its.another()).get('b')).toBe('b')
    slow.open('a')
    await alive
  })
})

describe('the shared tier', () => {
  test('C85 that fails between a read and its fill: the caller has the value, the local tier too', async () => {
    await its.caching.ready()
    const value = await cacheOf(its.caching).getOrLoad('a', async () => {
      await its.server.kill()
      return 'value'
    })
    expect(value).toBe('value')
    expect(await cacheOf(its.caching).get('a')).toBe('value')
    await its.server.start()
    expect(await its.server.command('EXISTS', 'cache:c:1:{a}')).toBe(0)
  })

  test('C45 C46 C47 that cannot be reached fails no call: methods run once each, evicts and puts resolve', async () => {
    await its.caching.ready()
    const failures: string[] = []
    its.caching.on('sharedFailure', ({ operation }) => failures.push(operation))
    await its.server.kill()
    let loads = 0
    expect(await cacheOf(its.caching).getOrLoad('a', () => ++loads)).toBe(1)
    await cacheOf(its.caching).put('b', 1)
    await cacheOf(its.caching).evict('b')
    await its.caching.evictTags(['x'])
    await its.caching.clear()
    expect(loads).toBe(1)
    expect(failures).toEqual(expect.arrayContaining(['get', 'evict', 'tags']))
  })

  test('K11 that refuses connections delays no call; one that does not answer, by its timeout', async () => {
    quietly()
    const refused = await its.another({ shared: redis({ url: `redis://127.0.0.1:${await freePort()}` }) })
    expect(await cacheOf(refused).getOrLoad('a', () => 'value')).toBe('value')

    await its.caching.ready()
    its.server.freeze()
    try {
      const asked = cacheOf(its.caching).getOrLoad('b', () => 'value')
      await its.clock.advance(250)
      expect(await asked).toBe('value')
    } finally {
      its.server.resume()
    }
  })

  test.each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length - 3)],
    ['lengthened', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('more')])],
    ['garbage', () => Buffer.from('garbage')],
    [
      'with one bit flipped',
      (bytes: Buffer) => Buffer.from(bytes.map((byte, at) => (at === bytes.length - 2 ? byte ^ 1 : byte))),
    ],
  ])('C99 that holds an entry %s: a miss, no error, and the next load takes its place', async (_what, spoil) => {
    await cacheOf(its.caching).getOrLoad('a', () => 'value')
    const client = new Redis(its.server.url)
    try {
      await client.set('cache:c:1:{a}', spoil((await client.getBuffer('cache:c:1:{a}'))!))
    } finally {
      client.disconnect()
    }
    const fresh = await its.another()
    expect(await cacheOf(fresh).lookup('a')).toEqual({ found: false })
    expect(await cacheOf(fresh).getOrLoad('a', () => 'again')).toBe('again')
    expect(await cacheOf(await its.another()).get('a')).toBe('again')
  })

  test('C99 that holds another key’s entry at a key: a miss', async () => {
    await cacheOf(its.caching).put('a', 'of a')
    await its.server.command('COPY', 'cache:c:1:{a}', 'cache:c:1:{b}')
    expect(await cacheOf(its.caching).lookup('b')).toEqual({ found: false })
  })
})

describe('time', () => {
  test('C87 a local life shorter than the entry’s: then the shared tier answers, and nobody loads', async () => {
    const own = await its.another({ local: { ttl: '2s' }, maxStaleness: Number.POSITIVE_INFINITY })
    let loads = 0
    const read = () => cacheOf(own).getOrLoad('a', () => ++loads)
    await read()
    its.clock.jump(1_999)
    await read()
    const before = cacheOf(own).stats().shared!.hits
    its.clock.jump(2)
    expect(await read()).toBe(1)
    expect(cacheOf(own).stats().shared!.hits).toBe(before + 1)
    expect(loads).toBe(1)
  })

  test('C105 a local copy lives no longer than what it was copied from', async () => {
    // The server's own clock does not stand still: who is opened later would take it to be ahead by as much, and the entry
    // to end earlier. So both are told the time.
    const factory = redis({ url: its.server.url })
    const serverTime = () => its.clock.now() + 1_000_000_000
    const shared: SharedStoreFactory = {
      ...factory,
      open: (context) => Object.assign(factory.open(context), { serverTime }),
    }
    const options = { shared, maxStaleness: Number.POSITIVE_INFINITY }
    const [one, two] = [await its.another(options), await its.another(options)]
    await cacheOf(one).put('a', 'old', { ttl: '10s' })
    its.clock.jump(7_000)
    expect(await cacheOf(two).get('a')).toBe('old')
    its.clock.jump(2_900)
    expect(await cacheOf(two).get('a')).toBe('old')
    its.clock.jump(101)
    expect(await cacheOf(two).lookup('a')).toEqual({ found: false })
  })

  test('C88 an entry whose time is up is not served from the shared tier either, though the key still stands there', async () => {
    await cacheOf(its.caching).put('a', 'old', { ttl: '10s' })
    await its.server.command('PERSIST', 'cache:c:1:{a}')
    its.clock.jump(10_001)
    expect(await cacheOf(its.caching).lookup('a')).toEqual({ found: false })
    expect(await cacheOf(its.caching).getOrLoad('a', () => 'new')).toBe('new')
  })

  test('C126 a local copy of what lives for ever is asked for again all the same', async () => {
    await cacheOf(its.caching).put('a', 'old', { ttl: Number.POSITIVE_INFINITY })
    expect(await cacheOf(its.caching).get('a')).toBe('old')
    await its.server.command('DEL', 'cache:c:1:{a}')
    its.clock.jump(staleness)
    expect(await cacheOf(its.caching).lookup('a')).toEqual({ found: false })
  })
})

describe('the invalidation feed', () => {
  // Nobody moves the clock here: what is seen is seen by notice.
  const patient = { maxStaleness: Number.POSITIVE_INFINITY } as const
  const node = async (): Promise<CacheManager> => {
    const own = await its.another(patient)
    await own.ready()
    return own
  }

  test('C92 C124 one’s own fills and puts do not come back as changes; a notice of what one has not costs nothing', async () => {
    const [one, two] = [await node(), await node()]
    await cacheOf(one).getOrLoad('a', () => 'a')
    await cacheOf(one).put('b', 'b')
    await cacheOf(two).get('a')
    await cacheOf(one).evict('a')
    await eventually(() => cacheOf(two).stats().local.removals.invalidated === 1)
    await its.server.resetStats()
    expect(await cacheOf(one).get('b')).toBe('b')
    await cacheOf(two).lookup('never heard of')
    await cacheOf(one).put('never heard of', 1)
    const { get, mget, set } = await its.server.commandStats()
    // The lookup is the only read: no notice made anybody read.
    expect([get ?? 0, mget ?? 0, set ?? 0].reduce((a, b) => a + b)).toBeLessThanOrEqual(4)
    expect(cacheOf(one).stats().local.removals.invalidated).toBe(0)
  })

  test('C119 an answer that a later notice has overtaken on the way is not kept', async () => {
    const one = await node()
    const proxy = await startProxy(its.server.port)
    const two = await its.another({ ...patient, shared: redis({ url: proxy.url }) })
    try {
      await two.ready()
      await cacheOf(two).lookup('anything')
      await cacheOf(one).put('a', 'old')
      const isListening = (connection: ProxyConnection): boolean => /subscribe/i.test(connection.sent('toServer'))
      const listening = proxy.connections.find(isListening)!
      const data = proxy.connections.find((connection) => !isListening(connection))!
      data.hold('toClient')
      await its.server.resetStats()
      const reading = cacheOf(two).getOrLoad('a', () => 'loaded')
      await eventually(async () => {
        const { set = 0, evalsha = 0 } = await its.server.commandStats()
        return set + evalsha > 0
      })
      await cacheOf(one).evict('a')
      await eventually(() => listening.sent('toClient').includes('cache:c:1:{a}'))
      await settle()
      data.release('toClient')
      // It asked before the evict.
      expect(await reading).toBe('old')
      expect(await cacheOf(two).lookup('a')).toEqual({ found: false })
    } finally {
      await two.close()
      await proxy.close()
    }
  })

  test('C122 a flush of the server empties the local tier', async () => {
    const one = await node()
    await cacheOf(one).put('a', 'old')
    await its.server.command('FLUSHALL')
    await eventually(async () => expect(await cacheOf(one).lookup('a')).toEqual({ found: false }))
  })

  test('C123 a key with a comma, or with bytes that are no text, is dropped alone', async () => {
    const [one, two] = [await node(), await node()]
    const keys = ['a,b', 'a', 'b', '\ud800', '\ufffd', 'x'.repeat(1_000)]
    for (const dropped of keys) {
      await cacheOf(one).putMany(keys.map((key) => [key, key] as const))
      // Notices of what was written before may still come in.
      const hits = () => cacheOf(two).stats().local.hits
      await eventually(async () => {
        const earlier = hits()
        await cacheOf(two).getMany(keys)
        return hits() === earlier + keys.length
      })
      await cacheOf(one).evict(dropped)
      await eventually(async () => expect((await cacheOf(two).lookup(dropped)).found).toBe(false))
      const before = cacheOf(two).stats().local.hits
      const others = keys.filter((key) => key !== dropped)
      expect(await cacheOf(two).getMany(others)).toEqual(others)
      expect(cacheOf(two).stats().local.hits).toBe(before + others.length)
      await cacheOf(one).clear()
    }
  })
})
