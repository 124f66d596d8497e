import { type CacheManager, CachePut, type CachingOptions, type SharedStore } from 'cachewright'
import { redis } from 'cachewright/redis'
import { ManualClock, settle } from 'cachewright/testing'
import { eventually } from '../../support/eventually'
import { type Gate, gate } from '../../support/gate'
import type { TcpProxy } from '../../support/tcp-proxy'
import { plainTerms } from '../../support/terms'
import { expectWarnings, keyOf, redisHouse } from './processes'

// Single steps of the protocol, each shown to be needed: without it one of these tests is red (`npm run mutants`).

const house = redisHouse()
afterEach(() => void jest.restoreAllMocks())

/** A process whose calls to the shared tier can be made to stand still. */
interface Stoppable {
  readonly manager: CacheManager
  /** The next call of this method stands at the gate, before it is sent or when it has been answered. */
  stop(method: keyof SharedStore, when: 'before' | 'after'): Gate<void>
}

async function stoppable(options: CachingOptions = {}, url = house.server.url): Promise<Stoppable> {
  const stops = new Map<string, { readonly at: Gate<void>; readonly when: string }>()
  const factory = redis({ url, commandTimeout: '10s' })
  const open: typeof factory.open = (context) => {
    const store = factory.open(context)
    return new Proxy(store, {
      get: (_, name: keyof SharedStore) => {
        const member: unknown = store[name]
        if (typeof member !== 'function') return member
        return (...args: unknown[]): unknown => {
          const call = (): unknown => Reflect.apply(member, store, args)
          const stop = stops.get(name)
          if (stop === undefined) return call()
          stops.delete(name)
          if (stop.when === 'before') return stop.at.pass().then(call)
          return Promise.resolve(call()).finally(() => stop.at.pass())
        }
      },
    })
  }
  const manager = house.open({ shared: { ...factory, open }, ...options })
  await manager.ready()
  return {
    manager,
    stop(method, when) {
      const at = gate<void>()
      stops.set(method, { at, when })
      return at
    },
  }
}

/** Lets `one` hear of a change by `two`: whatever was told before it has been heard then, too. */
async function messenger(one: CacheManager, two: CacheManager): Promise<() => Promise<void>> {
  const [here, there] = [one.cache('messages'), two.cache('messages')]
  await eventually(async () => {
    await here.getOrLoad('m', async () => 1)
    return here.stats().local.size === 1
  })
  return async () => {
    await there.evict('m')
    await eventually(() => here.stats().local.size === 0)
  }
}

function listeningConnection(proxy: TcpProxy): TcpProxy['connections'][number] {
  return proxy.connections.find((connection) => /subscribe/i.test(connection.sent('toServer')))!
}

const tags = ['x']
const tagged = { tags }

describe.each<[string, (one: CacheManager) => Promise<unknown>]>([
  ['an evict of a tag', (one) => one.evictTags(tags)],
  ['an evict of a tag of the cache', (one) => one.cache('c').evictTags(tags)],
  ['a clear of the cache', (one) => one.cache('c').clear()],
  ['a clear', (one) => one.clear()],
])('while %s is on its way', (_what, change) => {
  test('G1 what it is about is served no more', async () => {
    const { manager, stop } = await stoppable()
    await manager.cache('c').put('k', 'old', tagged)
    const raising = stop('raiseMarkers', 'before')
    const changing = change(manager)
    await raising.entered
    expect(await manager.cache('c').get('k')).toBeUndefined()
    raising.open()
    await changing
  })

  test('G1 a load from before is not joined', async () => {
    const { manager, stop } = await stoppable()
    const [older, younger] = [gate<string>(), gate<string>()]
    const first = manager.cache('c').getOrLoad('k', () => older.pass(), tagged)
    await older.entered
    const raising = stop('raiseMarkers', 'before')
    const changing = change(manager)
    await raising.entered
    const second = manager.cache('c').getOrLoad('k', () => younger.pass(), tagged)
    try {
      await eventually(() => younger.entries === 1, { within: 1_000 })
    } finally {
      for (const it of [older, younger]) it.open('value')
      raising.open()
      await Promise.all([first, second, changing])
    }
  })

  test('G1 a load that begins is not joined afterwards', async () => {
    const { manager, stop } = await stoppable()
    const raising = stop('raiseMarkers', 'before')
    const changing = change(manager)
    await raising.entered
    const slow = gate<string>()
    const first = manager.cache('c').getOrLoad('k', () => slow.pass(), tagged)
    await slow.entered
    raising.open()
    await changing
    const second = manager.cache('c').getOrLoad('k', async () => 'new', tagged)
    await settle()
    slow.open('old')
    expect(await first).toBe('old')
    expect(await second).toBe('new')
    expect(await manager.cache('c').get('k')).not.toBe('old')
  })

  test('G1 what a load brings that began before is kept nowhere', async () => {
    const { manager } = await stoppable()
    const slow = gate<string>()
    const loading = manager.cache('c').getOrLoad('k', () => slow.pass(), tagged)
    await slow.entered
    await change(manager)
    slow.open('old')
    expect(await loading).toBe('old')
    expect(await manager.cache('c').get('k')).toBeUndefined()
    expect(await house.open().cache('c').get('k')).toBeUndefined()
  })
})

describe('an answer that is on its way', () => {
  test('G1 to a lookup does not take the place of what its own process has put meanwhile', async () => {
    const proxy = await house.proxy()
    const { manager, stop } = await stoppable({ maxStaleness: '30s' }, proxy.url)
    await house
      .open()
      .cache('c')
      .getOrLoad('k', async () => 'old')
    const answered = stop('getMany', 'after')
    const reading = manager.cache('c').get('k')
    await answered.entered
    // It has yet to be told of its own put.
    listeningConnection(proxy).hold('toClient')
    await manager.cache('c').put('k', 'new')
    answered.open()
    expect(await reading).toBe('old')
    expect(await manager.cache('c').get('k')).toBe('new')
  })

  test('G2 to a lookup is not kept when another process evicts the key', async () => {
    const { manager, stop } = await stoppable({ maxStaleness: '30s' })
    const two = house.open()
    await two.cache('c').put('k', 'old')
    const tell = await messenger(manager, two)
    const answered = stop('getMany', 'after')
    const reading = manager.cache('c').get('k')
    await answered.entered
    await two.cache('c').evict('k')
    await tell()
    answered.open()
    expect(await reading).toBe('old')
    expect(await manager.cache('c').get('k')).toBeUndefined()
  })

  test('G2 to a put is not taken for a copy when another process evicts the key', async () => {
    const { manager, stop } = await stoppable({ maxStaleness: '30s' })
    const two = house.open()
    const tell = await messenger(manager, two)
    const answered = stop('putMany', 'after')
    const putting = manager.cache('c').put('k', 'mine')
    await answered.entered
    await two.cache('c').evict('k')
    await tell()
    answered.open()
    await putting
    expect(await manager.cache('c').get('k')).toBeUndefined()
  })

  test('G2 about a marker is not taken for watched when another process evicts the tag', async () => {
    const clock = new ManualClock()
    const { manager, stop } = await stoppable({ clock })
    const two = house.open()
    await manager.cache('c').getOrLoad('warm', async () => 1)
    const tell = await messenger(manager, two)
    const answered = stop('ensureMarkers', 'after')
    const read = (value: string) => manager.cache('c').getOrLoad('k', async () => value, tagged)
    const reading = read('old')
    await answered.entered
    await two.evictTags(tags)
    await tell()
    answered.open()
    await reading
    for (let round = 0; round < 5; round++) {
      await clock.advance(250)
      await manager.cache('c').get('anything')
    }
    expect(await read('new')).toBe('new')
  })

  test('G2 about a marker is not taken for watched when everything is flushed', async () => {
    const clock = new ManualClock()
    const { manager, stop } = await stoppable({ clock })
    const two = house.open()
    await manager.cache('c').getOrLoad('warm', async () => 1)
    await messenger(manager, two)
    const answered = stop('ensureMarkers', 'after')
    const read = (key: string, value: string) => manager.cache('c').getOrLoad(key, async () => value, tagged)
    const reading = read('first', 'value')
    await answered.entered
    await house.server.command('FLUSHALL')
    await eventually(() => manager.cache('messages').stats().local.size === 0)
    answered.open()
    await reading
    await read('k', 'old')
    await two.evictTags(tags)
    for (let round = 0; round < 5; round++) {
      await clock.advance(250)
      await manager.cache('c').get('anything')
    }
    expect(await read('k', 'new')).toBe('new')
  })

  test('G3 about another process’s lease wakes who would wait for what has been told already', async () => {
    // The clock stands still: no timer wakes it.
    const { manager, stop } = await stoppable({ clock: new ManualClock() })
    const two = house.open()
    const tell = await messenger(manager, two)
    const slow = gate<string>()
    const first = two.cache('c').getOrLoad('k', () => slow.pass())
    await slow.entered
    const answered = stop('lease', 'after')
    const waiting = manager.cache('c').getOrLoad('k', async () => 'own')
    await answered.entered
    slow.open('value')
    expect(await first).toBe('value')
    await tell()
    const done = jest.fn()
    void waiting.then(done)
    answered.open()
    await eventually(() => expect(done).toHaveBeenCalledWith('value'), { within: 2_000 })
  })
})

describe('a write', () => {
  test.each<[string, (one: CacheManager) => Promise<unknown>]>([
    ['a put', (one) => one.cache('c').put('k', 'mine')],
    ['a fill', (one) => one.cache('c').getOrLoad('k', async () => 'mine')],
  ])(
    'G2 %s that another process has overtaken before it was read back is not taken for watched',
    async (_what, write) => {
      const { proxy, one, two } = await house.pairWithProxy({ maxStaleness: '30s' }, { commandTimeout: '10s' })
      await one.cache('c').getOrLoad('warm', async () => 1)
      let overtaken = 0
      proxy.onData(async (chunk, { direction, pass }) => {
        const at = chunk.lastIndexOf('*', chunk.lastIndexOf('getrange'))
        if (direction !== 'toServer' || at <= 0 || !chunk.includes(keyOf('c', 'k')) || overtaken > 0) return undefined
        overtaken++
        pass(chunk.subarray(0, at))
        const its = async (): Promise<number> => Number(await house.server.command('STRLEN', keyOf('c', 'k')))
        // Longer than a lease.
        await eventually(async () => (await its()) > 60)
        await two.cache('c').put('k', 'newer')
        return chunk.subarray(at)
      })
      await write(one)
      expect(overtaken).toBe(1)
      await eventually(async () => expect(await one.cache('c').get('k')).not.toBe('mine'), { within: 1_000 })
    },
  )

  test.each<[string, (one: CacheManager, two: CacheManager) => Promise<unknown>]>([
    ['its own process', (one) => one.cache('c').evict('k')],
    ['another process', (_one, two) => two.cache('c').evict('k')],
  ])('G1 is not stored when %s evicts the key before it has left', async (_what, evict) => {
    const { manager, stop } = await stoppable()
    const two = house.open()
    const asked = stop('ensureMarkers', 'after')
    const putting = manager.cache('c').put('k', 'old')
    await asked.entered
    await evict(manager, two)
    asked.open()
    await putting
    expect(await manager.cache('c').get('k')).toBeUndefined()
    expect(await two.cache('c').get('k')).toBeUndefined()
  })

  test('G3 makes markers live longer than it, also those that are known and good', async () => {
    const proxy = await house.proxy()
    const { manager } = await stoppable({ clock: new ManualClock() }, proxy.url)
    // Its own prolonging would be told, and the marker asked for again.
    listeningConnection(proxy).hold('toClient')
    await manager.cache('c').getOrLoad('short', async () => 1, { ...tagged, ttl: '1m' })
    await manager.cache('c').getOrLoad('long', async () => 1, { ...tagged, ttl: '1h' })
    const lifeOf = async (key: string): Promise<number> => Number(await house.server.command('PTTL', key))
    const life = await lifeOf(keyOf('c', 'long'))
    for (const name of ['*%3Ax', 'c%3Ax']) expect(await lifeOf(`t:tag:{${name}}`)).toBeGreaterThan(life)
  })

  test('G1 counts from when its method was called', async () => {
    const [one, two] = [house.open(), house.open()]
    await Promise.all([one.ready(), two.ready()])
    const slow = gate<string>()
    class Writer {
      @CachePut({ manager: one, cache: 'c', key: () => 'k' })
      write(): Promise<string> {
        return slow.pass()
      }
    }
    const writing = new Writer().write()
    await slow.entered
    await two.cache('c').evict('k')
    // More than what the process does not know of the server's clock.
    const time = async (): Promise<number> => Number(((await house.server.command('TIME')) as string[])[0])
    const began = await time()
    await eventually(async () => (await time()) >= began + 2)
    slow.open('old')
    await writing
    expect(await two.cache('c').get('k')).toBeUndefined()
  })

  test('G1 of an older version does not take the place of a newer one of another process', async () => {
    const [one, two] = [house.open({ local: false }), house.open({ local: false })]
    const terms = { version: (value: number) => value }
    await one.cache<number>('c').put('k', 2, terms)
    await two.cache<number>('c').put('k', 1, terms)
    expect(await one.cache('c').get('k')).toBe(2)
  })

  test('G1 that was numbered by a counter that is lost is dead', async () => {
    const [one, two] = [house.open(), house.open()]
    // A former primary whose clock was an hour ahead.
    await house.server.command('SET', 't:counter', String((Date.now() + 3_600_000) * 1_000))
    await Promise.all([one.ready(), two.ready()])
    const slow = gate<string>()
    class Writer {
      @CachePut({ manager: one, cache: 'c', key: () => 'k', tags })
      write(): Promise<string> {
        return slow.pass()
      }
    }
    const writing = new Writer().write()
    await slow.entered
    await house.server.command('FLUSHALL')
    slow.open('old')
    await writing
    expect(await house.server.command('EXISTS', keyOf('c', 'k'))).toBe(1)
    await two.evictTags(tags)
    expect(await two.cache('c').get('k')).toBeUndefined()
  })

  test('G1 is not stored when it took longer than others’ writes are remembered', async () => {
    const [one, two] = [house.open(), house.open()]
    await Promise.all([one.ready(), two.ready()])
    const { tiers, keys } = one.cache('c').parts
    const write = await tiers.writes.begin(false)
    await tiers.writes.put([{ key: keys.encodeKey('k'), value: 'old' }], plainTerms, {
      ...write,
      beganAt: write.beganAt - 31_000,
    })
    tiers.writes.end(write)
    expect(await two.cache('c').get('k')).toBeUndefined()
  })
})

describe('how old an answer may be', () => {
  test('G2 trust is as old as the question whether anything has changed', async () => {
    const clock = new ManualClock()
    const proxy = await house.proxy()
    const { manager } = await stoppable({ clock }, proxy.url)
    const two = house.open()
    await manager.cache('c').getOrLoad('k', async () => 'old')
    // From now on each thing said to the listener stands still, one after the other.
    const listening = listeningConnection(proxy)
    const said: Gate<void>[] = []
    proxy.onData((_chunk, { direction, connection }) => {
      if (direction !== 'toClient' || connection !== listening) return undefined
      const at = gate<void>()
      said.push(at)
      return at.pass()
    })
    await clock.advance(250)
    await eventually(() => said.length === 1)
    await two.cache('c').evict('k')
    clock.jump(900)
    said[0]!.open()
    await eventually(() => said.length === 2)
    // Whatever follows from the first has followed.
    await manager.cache('c').get('anything')
    clock.jump(150)
    expect(await manager.cache('c').get('k')).toBeUndefined()
    said[1]!.open()
  })

  test('G2 a lease that another process’s evict has taken vouches for nothing', async () => {
    const clock = new ManualClock()
    const { manager } = await stoppable({ clock })
    const one = manager.cache('c')
    await one.getOrLoad('warm', async () => 1)
    const slow = gate<string>()
    const first = one.getOrLoad('k', () => slow.pass())
    await slow.entered
    await house.open().cache('c').evict('k')
    // The lease would be renewed, and the answer to a later question comes behind the answer to that.
    for (const ms of [3_200, 200]) {
      await clock.advance(ms)
      await one.get('anything')
    }
    await clock.advance(600)
    const joined = one.getOrLoad('k', async () => 'new')
    slow.open('old')
    expect(await first).toBe('old')
    expect(await joined).toBe('new')
  })

  test('G2 without Redis a value is as old as the beginning of its load', async () => {
    expectWarnings()
    const clock = new ManualClock()
    const server = await house.another()
    const { manager } = await stoppable({ clock }, server.url)
    await server.kill()
    const slow = gate<string>()
    const loading = manager.cache('c').getOrLoad('k', () => slow.pass())
    await slow.entered
    clock.jump(900)
    slow.open('old')
    expect(await loading).toBe('old')
    expect(await manager.cache('c').get('k')).toBe('old')
    clock.jump(200)
    expect(await manager.cache('c').get('k')).toBeUndefined()
  })

  test('G2 where nothing is told, a load that another process’s clear has killed is not kept', async () => {
    expectWarnings()
    const clock = new ManualClock()
    await house.server.command('ACL', 'SETUSER', 'plain', 'on', '>plain', '~*', '&*', '+@all', '-client|tracking')
    const { manager } = await stoppable({ clock }, house.server.url.replace('//', '//plain:plain@'))
    const slow = gate<string>()
    const loading = manager.cache('c').getOrLoad('k', () => slow.pass())
    await slow.entered
    await house.open().clear()
    clock.jump(1_001)
    slow.open('old')
    expect(await loading).toBe('old')
    expect(await manager.cache('c').get('k')).toBeUndefined()
  })
})

describe('what waits in the journal', () => {
  /** Evictions fail, and reads do not. */
  async function refusing(work: () => Promise<unknown>): Promise<void> {
    await house.server.command('CONFIG', 'SET', 'min-replicas-to-write', '1')
    try {
      await work()
    } finally {
      await house.server.command('CONFIG', 'SET', 'min-replicas-to-write', '0')
    }
  }

  test.each<[string, (one: CacheManager) => Promise<unknown>]>([
    ['a tag', (one) => one.evictTags(tags)],
    ['everything', (one) => one.clear()],
    ['a key', (one) => one.cache('c').evict('k')],
  ])('G5 %s counts for lookups of its own process', async (_what, change) => {
    const one = house.open({ local: false })
    await one.cache('c').put('k', 'old', tagged)
    await refusing(async () => {
      await change(one)
      expect(one.stats().deferredEvictions).toBe(1)
      expect(await one.cache('c').get('k')).toBeUndefined()
      expect(await one.cache('c').parts.tiers.holds(one.cache('c').parts.keys.encodeKey('k'))).toBe(false)
    })
    await eventually(() => one.stats().deferredEvictions === 0)
  })

  test('G5 is sent by close(), which does not wait for the next attempt', async () => {
    const one = house.open({ clock: new ManualClock() })
    let attempts = 0
    one.on('deferred', () => void attempts++)
    await one.cache('c').put('k', 'old')
    await refusing(async () => {
      await one.cache('c').evict('k')
      await eventually(() => attempts === 2)
    })
    await one.close()
    expect(await house.server.command('EXISTS', keyOf('c', 'k'))).toBe(0)
  })

  test('G5 counts for an answer that is older than its arrival', async () => {
    const clock = new ManualClock()
    const { manager, stop } = await stoppable({ clock, local: false })
    const cache = manager.cache('c')
    let attempts = 0
    manager.on('deferred', () => void attempts++)
    await cache.put('k', 'old')
    await refusing(async () => {
      await cache.evict('k')
      // Kept, and sent again at once; the attempt after that is up to the clock.
      await eventually(() => attempts === 2)
    })
    // Markers are asked for again, and that answer is waited for as well.
    clock.jump(600)
    const [found, asked] = [stop('getMany', 'after'), stop('readMarkers', 'after')]
    const reading = cache.get('k')
    await Promise.all([found.entered, asked.entered])
    await clock.advance(200)
    await eventually(() => manager.stats().deferredEvictions === 0)
    for (const it of [found, asked]) it.open()
    expect(await reading).toBeUndefined()
  })
})
