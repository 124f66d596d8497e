import { isCacheError } from 'cachewright'
import { settle } from 'cachewright/testing'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, world } from './world'

// How long a call waits for a load: C72, C73, and what becomes of the load.

const unexpected = (): never => {
  throw new Error('not expected')
}

describe.each(places)('a soft timeout, cached %s', (place) => {
  const defaults = { ttl: '10s', staleIfError: '15s', softTimeout: '100ms' } as const
  const its = world(place, { defaults, maxStaleness: '1h' })
  const cache = () => its.caching.cache<unknown>('c')
  const read = (load: () => unknown) => cache().getOrLoad('a', load)

  test('C72 the old value quickly; the load goes on, and what it brings is kept', async () => {
    await read(() => 'old')
    its.clock.jump(10_000)
    const slow = gate<string>()
    const reading = read(() => slow.pass())
    await slow.entered
    await its.clock.advance(99)
    const answered = jest.fn()
    void reading.then(answered)
    await settle()
    expect(answered).not.toHaveBeenCalled()
    await its.clock.advance(1)
    expect(await reading).toBe('old')
    expect(cache().stats().stale.slow).toBe(1)
    slow.open('new')
    await eventually(async () => expect(await cache().get('a')).toBe('new'))
    if (place === 'on Redis') expect(await (await its.another()).cache('c').get('a')).toBe('new')
    expect(slow.entries).toBe(1)
  })

  test('C72 who comes later does not wait again for what is known to be slow', async () => {
    await read(() => 'old')
    its.clock.jump(10_000)
    const slow = gate<string>()
    const first = read(() => slow.pass())
    await slow.entered
    await its.clock.advance(100)
    await first
    expect(await read(unexpected)).toBe('old')
    slow.open('new')
  })

  test('C73 without an old value it is waited for', async () => {
    const slow = gate<string>()
    const reading = read(() => slow.pass())
    await slow.entered
    await its.clock.advance(5_000)
    slow.open('new')
    expect(await reading).toBe('new')
  })

  test('C84 what was evicted meanwhile is no answer', async () => {
    await read(() => 'old')
    its.clock.jump(10_000)
    const slow = gate<string>()
    const reading = read(() => slow.pass())
    await slow.entered
    await cache().evict('a')
    await its.clock.advance(100)
    slow.open('new')
    expect(await reading).toBe('new')
  })

  test('a load that fails after the old value was served is no unhandled rejection', async () => {
    const unhandled = jest.fn()
    process.on('unhandledRejection', unhandled)
    try {
      await read(() => 'old')
      its.clock.jump(10_000)
      const slow = gate<string>()
      const failed = jest.fn()
      its.caching.on('loadFailure', failed)
      const reading = read(() => slow.pass())
      await slow.entered
      await its.clock.advance(100)
      expect(await reading).toBe('old')
      slow.fail(new Error('source'))
      await eventually(() => failed.mock.calls.length === 1)
      await settle()
      expect(unhandled).not.toHaveBeenCalled()
    } finally {
      process.off('unhandledRejection', unhandled)
    }
  })
})

describe.each(places)('a hard timeout, cached %s', (place) => {
  const its = world(place, { defaults: { ttl: '10s', hardTimeout: '1s', loadDeadline: '4s' }, maxStaleness: '1h' })
  const cache = () => its.caching.cache<unknown>('c')
  const read = (load: (signal: AbortSignal) => unknown) => cache().getOrLoad('a', load)

  test('C73 a named error that says which key and which option; the load goes on, and its value is kept', async () => {
    const slow = gate<string>()
    let given: AbortSignal | undefined
    const reading = read((signal) => {
      given = signal
      return slow.pass()
    })
    const answer = reading.catch((error: unknown) => error)
    await slow.entered
    await its.clock.advance(1_000)
    const error = await answer
    expect(error).toMatchObject({
      code: 'CW_LOAD_TIMEOUT',
      message: expect.stringMatching(/'c'.* a .*1000 ms.*`hardTimeout`/),
    })
    expect(isCacheError(error)).toBe(true)
    expect(given?.aborted).toBe(false)
    slow.open('late')
    await eventually(async () => expect(await cache().get('a')).toBe('late'))
  })

  test('C130 a value that comes after the load deadline is refused', async () => {
    const slow = gate<string>()
    const answer = read(() => slow.pass()).catch((error: unknown) => error)
    await slow.entered
    await its.clock.advance(4_000)
    await answer
    expect(await read(() => 'new')).toBe('new')
    slow.open('late')
    await settle()
    expect(await cache().get('a')).toBe('new')
  })

  test('each caller waits his own time', async () => {
    const slow = gate<string>()
    const first = read(() => slow.pass()).catch(() => 'gave up')
    await slow.entered
    await its.clock.advance(600)
    const second = read(unexpected)
    await settle()
    await its.clock.advance(400)
    expect(await first).toBe('gave up')
    slow.open('new')
    expect(await second).toBe('new')
  })

  test('with an old value that may stand in, that is the answer', async () => {
    const options = { staleIfError: '15s' } as const
    await cache().getOrLoad('a', () => 'old', options)
    its.clock.jump(10_000)
    const slow = gate<string>()
    const reading = cache().getOrLoad('a', () => slow.pass(), options)
    await slow.entered
    await its.clock.advance(1_000)
    expect(await reading).toBe('old')
    slow.open('new')
  })

  test('with a default, that is', async () => {
    const slow = gate<string>()
    const reading = cache().getOrLoad('a', () => slow.pass(), { fallback: () => 'instead' })
    await slow.entered
    await its.clock.advance(1_000)
    expect(await reading).toBe('instead')
    slow.open('new')
  })

  test('no timer is left behind', async () => {
    const before = its.clock.pending
    await read(() => 'new')
    await eventually(() => its.clock.pending <= before)
  })
})

describe.each(places)('a refresh that hangs, cached %s', (place) => {
  const defaults = { ttl: '10s', refreshAhead: 0.5, loadDeadline: '4s' } as const
  const its = world(place, { defaults, maxStaleness: '1h' })
  const cache = () => its.caching.cache<unknown>('c')

  test('C130 is cancelled at its deadline, and the next read begins another', async () => {
    await cache().getOrLoad('a', () => 'old')
    its.clock.jump(5_000)
    const slow = gate<string>()
    let given: AbortSignal | undefined
    const hang = (signal: AbortSignal) => {
      given = signal
      return slow.pass()
    }
    expect(await cache().getOrLoad('a', hang)).toBe('old')
    await slow.entered
    await its.clock.advance(4_000)
    expect(given?.aborted).toBe(true)
    expect(await cache().getOrLoad('a', () => 'new')).toBe('old')
    if (place === 'in process') await eventually(async () => expect(await cache().get('a')).toBe('new'))
    slow.open('late')
  })

  test('leaves no timer when the manager closes', async () => {
    await cache().getOrLoad('a', () => 'old')
    its.clock.jump(5_000)
    const slow = gate<string>()
    await cache().getOrLoad('a', () => slow.pass())
    await slow.entered
    const closed = its.caching.close()
    await its.clock.advance(5_000)
    await closed
    expect(its.clock.pending).toBe(0)
    slow.open('late')
  })

  test('so many at once, the others stay due', async () => {
    const few = await its.another({ caches: { f: { maxConcurrentRefreshes: 2 } } })
    const limited = few.cache<unknown>('f')
    const ids = [1, 2, 3, 4]
    await limited.putMany(ids.map((id) => [id, 'old']))
    its.clock.jump(5_000)
    const slow = gate<string>()
    for (const id of ids) await limited.getOrLoad(id, () => slow.pass())
    await eventually(() => slow.entries === 2)
    slow.open('new')
    await eventually(async () => {
      for (const id of ids) await limited.getOrLoad(id, () => 'new')
      return (await limited.getMany(ids)).every((value) => value === 'new')
    })
  })
})

describe.each(places)('refreshing by chance, cached %s', (place) => {
  const its = world(place, { defaults: { ttl: '10s', refreshAhead: 'xfetch' }, maxStaleness: '1h' })
  const cache = () => its.caching.cache<unknown>('c')
  afterEach(() => void jest.restoreAllMocks())

  test('C129 a read that wins the lot loads the value anew; the load time is measured and travels', async () => {
    const reader = place === 'on Redis' ? (await its.another()).cache<unknown>('c') : cache()
    const lot = jest.spyOn(Math, 'random')
    const slow = gate<string>()
    const loading = cache().getOrLoad('a', () => slow.pass())
    await slow.entered
    its.clock.jump(1_000)
    slow.open('old')
    await loading
    its.clock.jump(9_000)
    // A second before its end: 1 s of load time x -ln U has to be a second or more.
    lot.mockReturnValue(0.45)
    expect(await cache().getOrLoad('a', unexpected)).toBe('old')
    lot.mockReturnValue(0.3)
    expect(await reader.getOrLoad('a', () => 'new')).toBe('old')
    await eventually(async () => expect(await cache().get('a')).toBe('new'))
  })
})
