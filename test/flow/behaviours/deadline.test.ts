import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, world } from './world'

// A loader that hangs: G3, C107, C130.

describe.each(places)('a load that hangs, cached %s', (place) => {
  const its = world(place, { defaults: { loadDeadline: '4s' } })
  const cache = () => its.caching.cache<unknown>('c')

  test('C130 G3 who joined it begins anew after the deadline, all in one load; its late result is refused', async () => {
    const [hung, second] = [gate<string>(), gate<string>()]
    const first = cache().getOrLoad('a', () => hung.pass())
    await hung.entered
    const joined = [1, 2, 3].map(() => cache().getOrLoad('a', () => second.pass()))
    await its.clock.advance(3_999)
    expect(second.entries).toBe(0)
    await its.clock.advance(1)
    await second.entered
    second.open('new')
    expect(await Promise.all(joined)).toEqual(['new', 'new', 'new'])
    expect(second.entries).toBe(1)
    hung.open('late')
    expect(await first).toBe('late')
    expect(await cache().get('a')).toBe('new')
  })

  test('C130 who comes after the deadline does not join it', async () => {
    const hung = gate<string>()
    const first = cache().getOrLoad('a', () => hung.pass())
    await hung.entered
    await its.clock.advance(4_001)
    expect(await cache().getOrLoad('a', async () => 'new')).toBe('new')
    hung.open('late')
    expect(await first).toBe('late')
    expect(await cache().get('a')).toBe('new')
  })

  test('C130 its late result is kept nowhere, also where nobody else has come', async () => {
    const hung = gate<string>()
    const first = cache().getOrLoad('a', () => hung.pass())
    await hung.entered
    its.clock.jump(4_000)
    hung.open('late')
    expect(await first).toBe('late')
    expect(await cache().lookup('a')).toEqual({ found: false })
    if (place === 'on Redis') expect(await (await its.another()).cache('c').get('a')).toBeUndefined()
  })

  test('a caller whose signal is aborted leaves as ever, and the last one cancels the work', async () => {
    const hung = gate<string>()
    const [one, two] = [new AbortController(), new AbortController()]
    let given: AbortSignal | undefined
    const load = (signal: AbortSignal): Promise<string> => {
      given = signal
      return hung.pass()
    }
    const first = cache().getOrLoad('a', load, { signal: one.signal })
    await hung.entered
    const joined = cache().getOrLoad('a', load, { signal: two.signal })
    two.abort(new Error('two'))
    await expect(joined).rejects.toThrow('two')
    expect(given?.aborted).toBe(false)
    one.abort(new Error('one'))
    await expect(first).rejects.toThrow('one')
    expect(given?.aborted).toBe(true)
    hung.open('cancelled')
  })

  if (place === 'on Redis') {
    test('C107 C130 G3 another process takes over when the lease has run out, and the late result is refused', async () => {
      const other = (await its.another()).cache<unknown>('c')
      const hung = gate<string>()
      const first = cache().getOrLoad('a', () => hung.pass())
      await hung.entered
      await its.server.resetStats()
      const waiting = other.getOrLoad('a', async () => 'new')
      await eventually(async () => (await its.server.commandStats()).get === 1)
      // Nobody renews it after the deadline, as the next test shows; then it runs out by the server's own clock.
      await its.server.command('PEXPIRE', 'cache:c:1:{a}', 1)
      expect(await waiting).toBe('new')
      hung.open('late')
      expect(await first).toBe('late')
      expect(await other.get('a')).toBe('new')
    })

    test('a lease is not renewed after the deadline', async () => {
      const hung = gate<string>()
      const first = cache().getOrLoad('a', () => hung.pass())
      await hung.entered
      const renewals = async (): Promise<number> => (await its.server.commandStats()).pexpire ?? 0
      await its.clock.advance(4_000)
      await eventually(async () => (await renewals()) > 0)
      const then = await renewals()
      await its.clock.advance(20_000)
      await its.server.command('PING')
      expect(await renewals()).toBe(then)
      hung.open('late')
      await first
    })
  }
})

test.each([0, '0s', -1, 'soon'])('a deadline of %s is refused', async (loadDeadline) => {
  const { createCacheManager } = await import('cachewright')
  const make = (): unknown => createCacheManager({ defaults: { loadDeadline: loadDeadline as number } })
  expect(make).toThrow(/loadDeadline/)
})
