import { SpanStatusCode, trace } from '@opentelemetry/api'
import { Cacheable, CacheableMany, type CacheManager, createCacheManager } from 'cachewright'
import { instrument } from 'cachewright/otel'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { redisHouse } from '../redis/processes'
import { telemetry, treeOf } from './telemetry'

const otel = telemetry()
const house = redisHouse()
const query = <Answer>(answer: Answer): Promise<Answer> =>
  trace.getTracer('database').startActiveSpan('SELECT', async (span) => {
    await null
    span.end()
    return answer
  })

class Products {
  @Cacheable({ cache: 'products', staleWhileRevalidate: '1h' })
  async find(id: string): Promise<string> {
    if (id === 'none') throw new RangeError(`no product ${id}`)
    return query(id)
  }

  @CacheableMany({ cache: 'products', ttl: '1m' })
  async findMany(ids: readonly string[]): Promise<readonly string[]> {
    return query(ids)
  }
}

let ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends) end()
  ends = []
})
/** A service whose manager is instrumented, but for metrics. */
function serviceOf(manager: CacheManager, options: Parameters<typeof instrument>[1] = {}): Products {
  ends.push(instrument(manager, { metrics: false, ...options }))
  return manager.bind(new Products())
}

const inMemory: CacheManager[] = []
afterEach(() => Promise.all(inMemory.splice(0).map((manager) => manager.close())))
function open(): CacheManager {
  const manager = createCacheManager()
  inMemory.push(manager)
  return manager
}

test('a load is a child of the call that began it, and what the method does is a child of the load', async () => {
  const products = serviceOf(open())
  await otel.request(() => products.find('lamp'))
  await otel.request(() => products.find('lamp'))
  expect(treeOf(otel.spans())).toBe(`request
  cache load products
    SELECT
request`)
})

test('a load that others join is a child of the first of them', async () => {
  const manager = open()
  ends.push(instrument(manager, { metrics: false }))
  const loading = gate<string>()
  const read = (): Promise<unknown> => otel.request(() => manager.cache('c').getOrLoad('a', () => loading.pass()))
  const both = [read(), read()]
  await loading.entered
  loading.open('value')
  await Promise.all(both)
  expect(treeOf(otel.spans())).toBe(`request
  cache load c
request`)
})

test('a list is one load', async () => {
  const products = serviceOf(open())
  await otel.request(() => products.findMany(['a', 'b', 'c']))
  expect(treeOf(otel.spans())).toBe(`request
  cache load products
    SELECT`)
})

test('commands to the shared tier are children of the call, beside the load', async () => {
  const manager = house.open()
  await manager.ready()
  const products = serviceOf(manager)
  await otel.request(() => products.find('lamp'))
  const own = otel.spans()
  const request = own.find(({ name }) => name === 'request')!
  const children = own.filter(({ parentSpanContext }) => parentSpanContext?.spanId === request.spanContext().spanId)
  expect(children.map(({ name }) => name).toSorted()).toEqual([
    // What clears mark.
    'cache ensureMarkers',
    'cache fill products',
    'cache lease products',
    'cache load products',
  ])
  await manager.cache('products').evict('lamp')
  const evict = otel.spans().find(({ name }) => name === 'cache delete products')!
  expect(evict.parentSpanContext).toBeUndefined()
  expect(evict.attributes).toEqual({
    'cachewright.operation.name': 'delete',
    'cachewright.tier': 'shared',
    'cachewright.cache.name': 'products',
    'cachewright.key.count': 1,
  })
})

test('what is loaded anew in the background begins a trace of its own', async () => {
  const manager = open()
  const products = serviceOf(manager)
  await products.find('lamp')
  await manager.cache('products').expire('lamp')
  await otel.request(() => products.find('lamp'))
  await eventually(() => otel.spans().length === 5)
  expect(treeOf(otel.spans()).split('\n').toSorted()).toEqual([
    '  SELECT',
    '  SELECT',
    'cache load products',
    'cache load products',
    'request',
  ])
})

describe('a failure', () => {
  test('of the method is said by its type, and its message is not told', async () => {
    const products = serviceOf(open())
    await expect(otel.request(() => products.find('none'))).rejects.toThrow('no product none')
    const [load] = otel.spans()
    expect(load).toMatchObject({
      name: 'cache load products',
      attributes: { 'error.type': 'RangeError' },
      status: { code: SpanStatusCode.ERROR },
      events: [],
    })
    expect(load!.status.message).toBeUndefined()
  })

  test('of the shared tier is said by its code, and the call goes on', async () => {
    const manager = house.open({}, { commandTimeout: '1s' })
    await manager.ready()
    const products = serviceOf(manager)
    await house.server.command('CONFIG', 'SET', 'maxmemory', '1')
    try {
      await expect(otel.request(() => products.find('lamp'))).resolves.toBe('lamp')
    } finally {
      await house.server.command('CONFIG', 'SET', 'maxmemory', '0')
    }
    expect(treeOf(otel.spans())).toContain('cache lease products: CW_SHARED_REFUSED')
  })
})

describe('keys', () => {
  const texts = (): string =>
    JSON.stringify(otel.spans().map(({ name, attributes, events }) => [name, attributes, events]))

  test('and messages are told nobody', async () => {
    const manager = house.open()
    await manager.ready()
    const products = serviceOf(manager)
    await products.find('secret-lamp')
    await products.find('none').catch(() => {})
    await manager.cache('products').evict('secret-lamp')
    expect(texts()).not.toContain('secret-lamp')
    expect(texts()).not.toContain('none')
  })

  test('are told who asks for them, errors too', async () => {
    const manager = house.open()
    await manager.ready()
    const products = serviceOf(manager, { keys: true, attributes: { shop: 'north' } })
    await products.find('lamp')
    await products.find('none').catch(() => {})
    const loads = otel.spans().filter(({ name }) => name === 'cache load products')
    expect(loads.map(({ attributes }) => attributes)).toEqual([
      {
        shop: 'north',
        'cachewright.operation.name': 'load',
        'cachewright.tier': 'source',
        'cachewright.cache.name': 'products',
        'cachewright.keys': ['lamp'],
      },
      expect.objectContaining({ 'cachewright.keys': ['none'], 'error.type': 'RangeError' }),
    ])
    expect(loads[1]!.events).toMatchObject([
      { name: 'exception', attributes: { 'exception.message': 'no product none' } },
    ])
    expect(texts()).toContain('t:products:1:{lamp}')
  })
})

test('after its end there are no spans', async () => {
  const manager = open()
  const products = serviceOf(manager)
  ends.pop()!()
  await products.find('lamp')
  expect(otel.spans().map(({ name }) => name)).toEqual(['SELECT'])
})
