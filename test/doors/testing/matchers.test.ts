import { Cacheable, type CacheManager, createCacheManager } from 'cachewright'
import { cacheMatchers, ManualClock, recordEvents, sharedMemory, withoutCaching } from 'cachewright/testing'

expect.extend(cacheMatchers)

let clock: ManualClock
let managers: CacheManager[]
let [one, two]: Products[] = []
let caching: CacheManager

class Products {
  @Cacheable({ cache: 'products' })
  async find(id: string): Promise<string> {
    if (id === '') throw new Error('no id')
    return `product ${id}`
  }

  @Cacheable({ cache: 'lists', key: (ids: readonly string[]) => ids })
  async list(ids: readonly string[]): Promise<string[]> {
    return Promise.all(ids.map((id) => this.find(id)))
  }
}

beforeEach(() => {
  clock = new ManualClock()
  const shared = sharedMemory({ clock })
  managers = [0, 1].map(() => createCacheManager({ clock, shared }))
  ;[one, two] = managers.map((manager) => manager.bind(new Products()))
  caching = managers[0]!
})
afterEach(() => Promise.all(managers.map((manager) => manager.close())))

describe('toBeServedFromCache', () => {
  test('knows where the answer came from', async () => {
    await expect(() => one!.find('a')).not.toBeServedFromCache()
    await expect(() => one!.find('a')).toBeServedFromCache()
    await expect(() => one!.find('a')).toBeServedFromCache('local')
    await expect(() => one!.find('a')).not.toBeServedFromCache('shared')
    await expect(() => two!.find('a')).toBeServedFromCache('shared')
    await expect(() => withoutCaching(() => one!.find('a'))).not.toBeServedFromCache()
  })

  test('wants every read of the call to be', async () => {
    await one!.find('a')
    await expect(() => Promise.all([one!.find('a'), one!.find('b')])).not.toBeServedFromCache()
    await expect(() => one!.list(['a', 'b'])).not.toBeServedFromCache()
    await expect(() => one!.list(['a', 'b'])).toBeServedFromCache()
  })

  test('says what it was served from', async () => {
    await expect(expect(() => one!.find('a')).toBeServedFromCache('local')).rejects.toThrow(
      'expected the call to be served from the local tier; it was: products a: source, 0 ms old',
    )
    await expect(expect(() => one!.find('a')).not.toBeServedFromCache()).rejects.toThrow(
      'expected the call not to be served from a cache; it was: products a: local, 0 ms old',
    )
    await expect(expect(async () => 1).toBeServedFromCache()).rejects.toThrow('no cache took part in the call')
  })

  test('fails as the call does', async () => {
    await expect(expect(() => one!.find('')).toBeServedFromCache()).rejects.toThrow('no id')
    await expect(expect(one!.find('a')).toBeServedFromCache()).rejects.toThrow('must be given a function')
  })
})

describe('toHaveLoadedTimes', () => {
  test('counts of a cache, a manager and a trace', async () => {
    const trace = recordEvents(caching)
    expect(caching).toHaveLoadedTimes(0)
    await one!.list(['a', 'b'])
    await one!.find('').catch(() => {})
    expect(caching.cache('products')).toHaveLoadedTimes(3)
    expect(caching).toHaveLoadedTimes(4)
    expect(trace).toHaveLoadedTimes(4)
    trace.clear()
    expect(trace).toHaveLoadedTimes(0)
    expect(trace).not.toHaveLoadedTimes(1)
  })

  test('says how often it was, and what was told', async () => {
    const trace = recordEvents(caching)
    await one!.find('a')
    expect(() => expect(caching).toHaveLoadedTimes(2)).toThrow('to be called 2 times, it was once')
    expect(() => expect(caching).not.toHaveLoadedTimes(1)).toThrow('not to be called once, it was once')
    expect(() => expect(trace).toHaveLoadedTimes(0)).toThrow(/it was told:\nmiss products a\nload products a/)
    expect(() => expect(7).toHaveLoadedTimes(0)).toThrow('must be given a cache, a manager or an event trace')
    expect(() => expect(caching).toHaveLoadedTimes(-1)).toThrow('takes a whole number')
  })
})

describe('toHaveNoFindings', () => {
  const findings = [{ kind: 'never-evicted', severity: 'warning', subject: 's', message: 'm' }]

  test('holds an audit against what is allowed', () => {
    expect({ findings: [] }).toHaveNoFindings()
    expect({ findings }).not.toHaveNoFindings()
    expect({ findings }).toHaveNoFindings(['never-evicted'])
    expect({ findings }).toHaveNoFindings([{ kind: 'never-evicted', subject: 's' }])
    expect({ findings }).not.toHaveNoFindings([{ kind: 'never-evicted', subject: 't' }])
  })

  test('says what was found', () => {
    expect(() => expect({ findings }).toHaveNoFindings()).toThrow('never-evicted (warning): m')
    expect(() => expect({ findings: [] }).not.toHaveNoFindings()).toThrow('it has none')
    expect(() => expect(caching).toHaveNoFindings()).toThrow('must be given an audit: caching.audit()')
  })

  test('takes a real one', () => expect(caching.audit()).toHaveNoFindings())
})
