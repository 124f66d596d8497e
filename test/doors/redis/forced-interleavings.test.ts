import { Cacheable, type CacheManager, CachePut } from 'cachewright'
import { ManualClock, settle } from 'cachewright/testing'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import type { TcpProxy } from '../../support/tcp-proxy'
import { expectWarnings, keyOf, redisHouse } from './processes'

// Orders of events that a network brings about once in a million times, each brought about here every time.

const house = redisHouse()
afterEach(() => void jest.restoreAllMocks())

async function pair(options: Parameters<typeof house.open>[0] = {}): Promise<readonly [CacheManager, CacheManager]> {
  const both = [house.open(options), house.open(options)] as const
  await Promise.all(both.map((manager) => manager.ready()))
  return both
}

/** Waits until a process has heard the answers to all that it has sent: the answer to one command more comes behind them. */
async function answered(manager: CacheManager): Promise<void> {
  await manager.cache('c').get('anything')
}

/** The connection on which a process asks, not the one on which it listens. */
function dataConnection(proxy: TcpProxy): TcpProxy['connections'][number] {
  return proxy.connections.find((connection) => /tracking/i.test(connection.sent('toServer')))!
}

/** A method whose value will be put under 'k': it has been called, and is slow to return. */
async function slowPut(manager: CacheManager): Promise<{ writing: Promise<string>; returns(value: string): void }> {
  const slow = gate<string>()
  class Writer {
    @CachePut({ manager, cache: 'c', key: () => 'k' })
    write(): Promise<string> {
      return slow.pass()
    }
  }
  const writing = new Writer().write()
  await slow.entered
  return { writing, returns: slow.open }
}

describe('an evict that arrives late', () => {
  interface Late {
    readonly one: CacheManager
    readonly two: CacheManager
    /** Lets the evict arrive that `one` has made of 'k'. */
    arrives(): Promise<void>
  }

  async function late(): Promise<Late> {
    const { server } = house
    const clock = new ManualClock()
    const [one, two] = [house.open({ clock }), house.open({ clock, local: false })]
    await Promise.all([one.ready(), two.ready()])
    await one.cache('c').put('k', 'first')
    await two.cache('c').get('k')
    let attempts = 0
    one.on('deferred', () => void attempts++)
    await server.command('CONFIG', 'SET', 'min-replicas-to-write', '1')
    try {
      await one.cache('c').evict('k')
      // Kept, and sent again at once; the attempt after that is up to the clock.
      await eventually(() => attempts === 2)
    } finally {
      await server.command('CONFIG', 'SET', 'min-replicas-to-write', '0')
    }
    const arrives = async (): Promise<void> => {
      expect(one.stats().deferredEvictions).toBe(1)
      await clock.advance(200)
      await eventually(() => one.stats().deferredEvictions === 0)
      // What is asked at the very moment of an evict is not believed.
      clock.jump(1)
    }
    return { one, two, arrives }
  }

  test('is overtaken by what its own process has put meanwhile', async () => {
    const { one, two } = await late()
    await one.cache('c').put('k', 'meanwhile')
    expect(one.stats().deferredEvictions).toBe(0)
    expect(await one.cache('c').get('k')).toBe('meanwhile')
    expect(await two.cache('c').get('k')).toBe('meanwhile')
  })

  test('G5 is not overtaken by a put that finds a newer version', async () => {
    const version = (value: unknown): number => value as number
    const first = await late()
    await first.two.cache('c').put('k', 2, { version })
    await first.one.cache('c').put('k', 1, { version })
    await first.arrives()
    expect(await first.two.cache('c').get('k')).toBeUndefined()
  })

  test('G5 counts meanwhile: what still stands in Redis is not there for its own process', async () => {
    const { one } = await late()
    class Reader {
      @Cacheable({ manager: one, cache: 'c', key: () => 'k' })
      @CachePut({ manager: one, cache: 'c', key: () => 'another' })
      async read(): Promise<string> {
        return 'called'
      }
    }
    expect(await house.server.command('EXISTS', keyOf('c', 'k'))).toBe(1)
    expect(await one.cache('c').get('k')).toBeUndefined()
    // Its result goes where there is nothing.
    await new Reader().read()
    expect(await one.cache('c').get('k')).toBe('called')
  })

  test('G1 does not hide another process’s write from a put that began before that', async () => {
    const { one, two, arrives } = await late()
    const { writing, returns } = await slowPut(one)
    await two.cache('c').put('k', 'newer')
    await arrives()
    returns('older')
    await writing
    expect(await two.cache('c').get('k')).toBeUndefined()
  })
})

describe('a call that joins a load', () => {
  test.each<[string, { tags?: string[] }, (other: CacheManager) => Promise<unknown>]>([
    ['evicted a tag', { tags: ['x'] }, (other) => other.evictTags(['x'])],
    ['evicted a tag of the cache', { tags: ['x'] }, (other) => other.cache('c').evictTags(['x'])],
    ['cleared the cache', {}, (other) => other.cache('c').clear()],
    ['cleared everything', {}, (other) => other.clear()],
    ['cleared what carries tags', { tags: ['x'] }, (other) => other.clear()],
  ])(
    'G2 is not served, more than maxStaleness after another process %s, what the load began with',
    async (_what, options, change) => {
      const clock = new ManualClock()
      const [one, two] = await pair({ clock })
      await one.cache('c').getOrLoad('warm', async () => 1, options)
      const slow = gate<string>()
      const first = one.cache('c').getOrLoad('k', () => slow.pass(), options)
      await slow.entered
      await change(two)
      // This process has heard of it, and after that its lease, which still stands, is renewed.
      await clock.advance(3_200)
      await answered(one)
      await clock.advance(200)
      await answered(one)
      await clock.advance(600)
      const joined = one.cache('c').getOrLoad('k', async () => 'new', options)
      slow.open('old')
      expect(await first).toBe('old')
      expect(await joined).toBe('new')
    },
  )

  test('G2 is not served what was read more than maxStaleness after its tags had last been heard of', async () => {
    const clock = new ManualClock()
    const { proxy, one, two } = await house.pairWithProxy({ clock }, { commandTimeout: '1m' })
    const read = (key: string, value: string) => one.cache('c').getOrLoad(key, async () => value, { tags: ['x'] })
    await two.cache('c').getOrLoad('k', async () => 'old', { tags: ['x'] })
    await read('warm', 'value')

    // No notice arrives, and no answer to a PING.
    const data = dataConnection(proxy)
    const listening = proxy.connections.find((connection) => connection !== data)!
    listening.hold('toClient')
    await two.evictTags(['x'])
    await clock.advance(400)
    data.hold('toClient')
    const first = read('k', 'new')
    await clock.advance(900)
    const joined = read('k', 'new')
    data.release('toClient')
    expect(await first).toBe('old')
    listening.release('toClient')
    expect(await joined).toBe('new')
  })

  test('G3 with maxStaleness 0 and no Redis shares the next load with all who joined too late for this one', async () => {
    // No two readings of it are alike.
    let reading = 0
    const server = await house.another()
    const one = house.open({ clock: { now: () => ++reading }, maxStaleness: 0 }, { url: server.url })
    await one.ready()
    await server.kill()
    await eventually(async () => {
      await one.cache('c').getOrLoad('gone?', async () => 1)
      return one.stats().caches.c!.shared!.failures > 0
    })
    const slow = gate<void>()
    let loads = 0
    const calls = Array.from({ length: 20 }, () =>
      one.cache('c').getOrLoad('k', async () => {
        loads++
        await slow.pass()
      }),
    )
    await slow.entered
    slow.open()
    await Promise.all(calls)
    expect(loads).toBe(2)
  })
})

describe('a load that waits for another process’s', () => {
  test('G3 is woken by the end of a younger load of its own process, of which the server tells nothing', async () => {
    // The clock stands still: no timer wakes it.
    const { proxy, one, two } = await house.pairWithProxy({ clock: new ManualClock() })
    const { writing, returns } = await slowPut(one)
    await two.cache('c').evict('k')
    const [far, near] = [gate<string>(), gate<string>()]
    const there = two.cache('c').getOrLoad('k', () => far.pass())
    await far.entered

    // While it is on its way to wait for the other process, a put takes that one's lease away: it is not stored, since
    // the other process has written too. The younger load is the next to ask.
    dataConnection(proxy).hold('toClient')
    const waiting = one.cache('c').getOrLoad('k', async () => 'first')
    returns('overlapped')
    await settle()
    const younger = one.cache('c').getOrLoad('k', () => near.pass())
    dataConnection(proxy).release('toClient')
    await writing
    await near.entered
    await answered(one)
    near.open('second')
    expect(await younger).toBe('second')
    expect(await waiting).toBe('first')
    far.open('third')
    await there
  })

  test('does not call its method when its caller has left', async () => {
    const [one, two] = await pair()
    const slow = gate<string>()
    const first = one.cache('c').getOrLoad('k', () => slow.pass())
    await slow.entered
    const leaving = new AbortController()
    const load = jest.fn(async () => 'unwanted')
    const second = two.cache('c').getOrLoad('k', load, { signal: leaving.signal })
    await answered(two)
    leaving.abort()
    await expect(second).rejects.toThrow('aborted')
    // Whatever goes on in the background has ended then.
    await two.close()
    slow.open('value')
    expect(await first).toBe('value')
    expect(load).not.toHaveBeenCalled()
  })

  test('G3 waits too when the other process was faster to replace an entry whose tag was evicted', async () => {
    const proxy = await house.proxy()
    const [one, two] = [house.open(), house.open({}, { url: proxy.url, commandTimeout: '3s' })]
    await Promise.all([one.ready(), two.ready()])
    await one.cache('c').getOrLoad('k', async () => 'old', { tags: ['x'] })
    await one.evictTags(['x'])

    // The first question finds the dead entry; the second one is to replace it.
    const replacing = gate<void>()
    let questions = 0
    proxy.onData((chunk, { direction }) => {
      const isIt = direction === 'toServer' && chunk.includes(keyOf('c', 'k')) && ++questions === 2
      return isIt ? replacing.pass() : undefined
    })
    const load = jest.fn(async () => 'loaded twice')
    const second = two.cache('c').getOrLoad('k', load, { tags: ['x'] })
    await replacing.entered
    const slow = gate<string>()
    const first = one.cache('c').getOrLoad('k', () => slow.pass(), { tags: ['x'] })
    await slow.entered
    replacing.open()
    await eventually(() => questions >= 3 || load.mock.calls.length > 0)
    slow.open('new')
    expect(await Promise.all([first, second])).toEqual(['new', 'new'])
    expect(load).not.toHaveBeenCalled()
  })
})

describe('a notice', () => {
  /**
   * Clears once between the script that makes the marker of that live longer, which ends the watch of what it writes, and
   * the read that begins it again. Answers how often that came about.
   */
  function clearAtProlonging(proxy: TcpProxy, clear: () => Promise<unknown>): () => number {
    let clears = 0
    proxy.onData(async (chunk, { direction, pass }) => {
      const at = chunk.lastIndexOf('*', chunk.lastIndexOf('mget'))
      if (direction !== 'toServer' || at <= 0 || !chunk.includes('t:tag:{*}') || clears > 0) return undefined
      clears++
      await house.server.resetStats()
      pass(chunk.subarray(0, at))
      await eventually(async () => (await house.server.commandStats()).pexpireat === 2)
      await clear()
      return chunk.subarray(at)
    })
    return () => clears
  }

  test('G2 of FLUSHALL that overtakes the answer about a marker: the marker is not taken for watched', async () => {
    const { proxy, one, two } = await house.pairWithProxy({ maxStaleness: 400 }, { commandTimeout: '3s' })
    await one.cache('c').getOrLoad('warm', async () => 1)
    const slow = gate<string>()
    const filling = one.cache('c').getOrLoad('long', () => slow.pass(), { tags: ['x'], ttl: '1h' })
    await slow.entered
    await house.server.resetStats()
    const removeHook = proxy.onData((chunk, { direction, connection }) => {
      if (direction === 'toServer' && chunk.includes('t:tag:')) connection.hold('toClient')
    })
    slow.open('value')
    await eventually(async () => ((await house.server.commandStats()).mget ?? 0) >= 1)
    await house.server.command('FLUSHALL')
    await eventually(() => one.cache('c').stats().local.size === 0)
    removeHook()
    dataConnection(proxy).release('toClient')
    await filling

    const read = (value: string) => one.cache('c').getOrLoad('k', async () => value, { tags: ['x'], ttl: '1m' })
    await read('old')
    await two.clear()
    await two.evictTags(['x'])
    await eventually(async () => expect(await read('new')).toBe('new'), { within: 2_000 })
  })

  test('G2 of an evict comes also for markers that were made while the server lost its scripts', async () => {
    const [one, two] = await pair({ maxStaleness: '30s' })
    const terms = (ttl: '1m' | '1h') => ({ tags: ['x'], ttl })
    await one.cache('c').getOrLoad('short', async () => 1, terms('1m'))
    const slow = gate<string>()
    const filling = one.cache('c').getOrLoad('k', () => slow.pass(), terms('1h'))
    await slow.entered
    await house.server.command('SCRIPT', 'FLUSH')
    slow.open('old')
    await filling
    const read = (value: string) => one.cache('c').getOrLoad('k', async () => value, terms('1h'))
    expect(await read('old')).toBe('old')
    await two.evictTags(['x'])
    await eventually(async () => expect(await read('new')).toBe('new'), { within: 1_000 })
  })

  test.each<[string, (other: CacheManager) => Promise<unknown>]>([
    ['everything', (other) => other.clear()],
    ['the cache', (other) => other.cache('c').clear()],
  ])(
    'G2 is not missed when another process clears %s just as the marker of that is made to live longer',
    async (_what, clear) => {
      const { proxy, one, two } = await house.pairWithProxy({ maxStaleness: '30s' }, { commandTimeout: '3s' })
      const read = (value: string) => one.cache('c').getOrLoad('k', async () => value)
      await read('old')

      const clears = clearAtProlonging(proxy, () => clear(two))
      await one.cache('c').getOrLoad('long', async () => 1, { ttl: '100d' })
      expect(clears()).toBe(1)
      expect(await read('new')).toBe('new')
    },
  )

  test('G2 an answer about a marker from before an evict does not undo what the evict has told', async () => {
    const proxy = await house.proxy()
    const one = house.open({ maxStaleness: '30s' }, { url: proxy.url, commandTimeout: '3s' })
    await one.ready()
    const read = (value: string) => one.cache('c').getOrLoad('k', async () => value, { tags: ['x'] })
    await read('old')
    const slow = gate<number>()
    const loading = one.cache('c').getOrLoad('long', () => slow.pass(), { tags: ['x'], ttl: '100d' })
    await slow.entered

    // The fill asks for the marker; that answer and the one to the evict then arrive as one.
    const data = dataConnection(proxy)
    await house.server.resetStats()
    data.hold('toClient')
    slow.open(1)
    await eventually(async () => ((await house.server.commandStats()).mget ?? 0) >= 1)
    const listening = proxy.connections.find((connection) => connection !== data)!
    const told = listening.sent('toClient').length
    const evicting = one.evictTags(['x'])
    await eventually(() => listening.sent('toClient').slice(told).includes('t:counter'))
    // What the server tells has come first: it looks as if the evict were over, and the marker were not known any more.
    await settle()
    data.release()
    await Promise.all([evicting, loading])
    expect(await read('new')).toBe('new')
  })

  test('G2 nor when the answer about the marker comes too late to be taken', async () => {
    expectWarnings()
    const { proxy, one, two } = await house.pairWithProxy({ maxStaleness: 400 }, { commandTimeout: 150 })
    const read = (value: string) => one.cache('c').getOrLoad('k', async () => value)
    await read('old')

    const late = gate()
    const clears = clearAtProlonging(proxy, async () => {
      await two.clear()
      await late.pass()
    })
    // Its caller does not wait for the marker longer than one command may take.
    await one.cache('c').getOrLoad('long', async () => 1, { ttl: '100d' })
    expect(clears()).toBe(1)
    late.open()
    await eventually(async () => expect(await read('new')).toBe('new'), { within: 2_000 })
  })
})

test('G1 an evict of one’s own does not hide from a put of one’s own that another process has written between them', async () => {
  const { proxy, one, two } = await house.pairWithProxy({}, { commandTimeout: '3s' })
  await one.cache('c').put('k', 'first')
  proxy.hold('toServer')
  const evicting = one.cache('c').evict('k')
  const putting = one.cache('c').put('k', 'old')
  await settle()
  await two.cache('c').evict('k')
  proxy.release()
  await Promise.all([evicting, putting])
  expect(await two.cache('c').get('k')).toBeUndefined()
})

test('G4 a put that another write overlapped waits no second time for a server that does not answer', async () => {
  expectWarnings()
  const clock = new ManualClock()
  const proxy = await house.proxy()
  const one = house.open({ clock }, { url: proxy.url, commandTimeout: 250 })
  await one.ready()
  proxy.hold()
  const put = slowPut(one)
  await settle()
  await clock.advance(250)
  const { writing, returns } = await put
  const evicting = one.cache('c').evict('k')
  await clock.advance(250)
  await evicting
  returns('value')
  let isOver = false
  void writing.then(() => {
    isOver = true
  })
  await eventually(() => isOver, { within: 1_000 })
  expect(one.stats().deferredEvictions).toBe(1)
  proxy.release()
})

describe('close()', () => {
  const gone = async (other: CacheManager) => expect(await other.cache('c').get('k')).toBeUndefined()
  const put = async (other: CacheManager) => expect(await other.cache('c').get('k')).toBe('new')

  test.each<[string, RegExp, (one: CacheManager) => Promise<unknown>, typeof gone]>([
    ['an evict', /:written/, (one) => one.cache('c').evict('k'), gone],
    ['a put', /:written/, (one) => one.cache('c').put('k', 'new', { tags: ['x'] }), put],
    ['an evict of a tag', /:tag:/, (one) => one.evictTags(['x']), gone],
    ['an evict of a tag of a cache', /:tag:/, (one) => one.cache('c').evictTags(['x']), gone],
    ['a clear', /:tag:/, (one) => one.clear(), gone],
    ['a clear of a cache', /:tag:/, (one) => one.cache('c').clear(), gone],
  ])('G5 waits for %s that is on its way', async (_what, command, change, expected) => {
    const proxy = await house.proxy()
    const one = house.open({}, { url: proxy.url, commandTimeout: '3s' })
    const two = house.open({ local: false, maxStaleness: 0 })
    await Promise.all([one.ready(), two.ready()])
    await one.cache('c').put('k', 'old', { tags: ['x'] })
    const failures = jest.fn()
    one.on('sharedFailure', failures)
    const onItsWay = gate<void>()
    proxy.onData((chunk, { direction }) => {
      const isIt = direction === 'toServer' && command.test(chunk.toString('latin1'))
      return isIt ? onItsWay.pass() : undefined
    })

    const changing = change(one)
    await onItsWay.entered
    const closed = jest.fn()
    const closing = one.close().then(closed)
    await answered(two)
    expect(closed).not.toHaveBeenCalled()
    onItsWay.open()
    await Promise.all([changing, closing])
    expect(failures).not.toHaveBeenCalled()
    expect(one.stats().deferredEvictions).toBe(0)
    await expected(two)
  })

  test('G5 sends again what fails while it waits', async () => {
    const proxy = await house.proxy()
    const one = house.open({}, { url: proxy.url })
    await one.cache('c').put('k', 'old')
    let refused = 0
    proxy.onData((chunk, { direction }) => {
      if (direction !== 'toServer' || !chunk.includes(':written') || refused > 0) return undefined
      refused++
      return Buffer.from(chunk.toString('latin1').replace(/evalsha/i, 'unknown'), 'latin1')
    })
    const evicting = one.cache('c').evict('k')
    await one.close()
    await evicting
    expect(refused).toBe(1)
    expect(await house.server.command('EXISTS', keyOf('c', 'k'))).toBe(0)
  })

  test('G4 leaves nothing to be done where Redis did not answer in five seconds', async () => {
    const clock = new ManualClock()
    const proxy = await house.proxy()
    const one = house.open({ clock }, { url: proxy.url, commandTimeout: '1m' })
    await one.cache('c').put('k', 'old', { tags: ['x'] })
    proxy.hold('toServer')
    const changing = [one.cache('c').evict('k'), one.cache('c').put('k', 'new'), one.evictTags(['x'])]
    const closing = one.close()
    await clock.advance(5_000)
    await Promise.all([closing, ...changing])
    expect(one.stats().deferredEvictions).toBe(0)
    expect(clock.pending).toBe(0)
  })
})
