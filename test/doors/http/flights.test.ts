import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:http'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createCacheManager, detect } from 'cachewright'
import { cacheResponses } from 'cachewright/express'
import { cacheResponses as plugin } from 'cachewright/fastify'
import express from 'express'
import Fastify from 'fastify'
import { eventually, throughout } from '../../support/eventually'
import { gate } from '../../support/gate'
import { redisHouse } from '../redis/processes'
import { type Answer, ask, frameworks, listen } from './apps'
import { httpHouse } from './house'

// One load for all who ask, one refresh for all who are served meanwhile, one evict for all that is kept.

const fresh = { 'cache-control': 'max-age=60' }
const stale = { 'cache-control': 'max-age=60, stale-while-revalidate=600' }

describe.each(frameworks)('%s', (_name, startWith) => {
  const its = httpHouse(startWith)
  const stats = () => its.manager.cache('responses').stats()

  test('a burst on one path is one call of its handler', async () => {
    const working = gate()
    const app = await its.start(async () => {
      await working.pass()
      return { headers: fresh, body: 'here' }
    })
    const burst = Array.from({ length: 30 }, () => ask(app))
    await eventually(() => stats().joins === 29)
    working.open()
    const got = await Promise.all(burst)
    expect(new Set(got.map(({ body }) => body))).toEqual(new Set(['here']))
    expect(working.entries).toBe(1)
    expect(got.filter(({ headers }) => /collapsed/.test(String(headers['cache-status'])))).toHaveLength(29)
  })

  test('what cannot be kept is shared by nobody, and the next do not queue for it', async () => {
    const working = gate()
    let calls = 0
    const app = await its.start(async () => {
      const call = ++calls
      await working.pass()
      return { headers: { ...fresh, 'set-cookie': `id=${call}` }, body: String(call) }
    })
    const burst = Array.from({ length: 5 }, () => ask(app))
    await eventually(() => stats().joins === 4)
    working.open()
    const got = await Promise.all(burst)
    expect(got.map(({ body, headers }) => [body, ...headers['set-cookie']!]).toSorted()).toEqual(
      [1, 2, 3, 4, 5].map((call) => [String(call), `id=${call}`]),
    )
    const joins = stats().joins
    await Promise.all([ask(app), ask(app), ask(app)])
    expect([calls, stats().joins]).toEqual([8, joins])
  })

  test('after a while it is tried again', async () => {
    const headers: Record<string, string>[] = [{ 'cache-control': 'no-store' }, fresh]
    const app = await its.start(() => ({ headers: headers.shift() ?? {} }))
    const how = async (): Promise<string> => String((await ask(app)).headers['cache-status'])
    expect(await how()).toMatch(/detail=no-store/)
    its.clock.jump(5_000)
    expect(await how()).toMatch(/stored/)
    expect(await how()).toMatch(/hit/)
  })

  test('an error is kept for nobody, and the next may be kept at once', async () => {
    let calls = 0
    const app = await its.start(() => {
      if (++calls === 1) throw new Error('not today')
      return { headers: fresh, body: 'here' }
    })
    expect((await ask(app)).status).toBe(500)
    expect((await ask(app)).body).toBe('here')
    expect((await ask(app)).body).toBe('here')
    expect(calls).toBe(2)
  })

  describe('a stale response', () => {
    /** A handler that answers with its number, the second call as the test says. */
    async function serve(second: () => Answer | Promise<Answer>, more: { tag?: string } = {}) {
      const seen: IncomingMessage[] = []
      const app = await its.start(
        async (raw) => {
          seen.push(raw)
          return seen.length === 2 ? await second() : { headers: stale, body: `response ${seen.length}` }
        },
        { tags: more.tag === undefined ? [] : [more.tag] },
      )
      await ask(app, { headers: { 'x-first': '1' } })
      its.clock.jump(61_000)
      return { app, seen }
    }

    test('is served at once, while one request that nobody sent makes the next', async () => {
      const working = gate()
      const { app, seen } = await serve(async () => {
        await working.pass()
        return { headers: stale, body: 'response 2' }
      })
      const asked = {
        headers: { 'x-second': '1', 'if-none-match': '"other"', 'if-modified-since': 'Tue, 03 Nov 2026 10:00:00 GMT' },
      }
      for (let time = 0; time < 3; time++) {
        const { body, headers } = await ask(app, asked)
        expect([body, headers.age]).toEqual(['response 1', '61'])
        expect(headers['cache-status']).toMatch(/detail=stale/)
      }
      await working.entered
      expect(working.entries).toBe(1)
      working.open()
      await eventually(async () => (await ask(app)).body === 'response 2')
      expect(seen).toHaveLength(2)
      const [, again] = seen
      expect([again!.method, again!.url, again!.httpVersion]).toEqual(['GET', '/', '1.1'])
      expect(again!.headers).toMatchObject({ 'x-second': '1', host: `127.0.0.1:${app.port}` })
      expect(again!.headers).not.toHaveProperty('if-none-match')
      expect(again!.headers).not.toHaveProperty('if-modified-since')
      expect(again!.rawHeaders.map((name) => name.toLowerCase())).not.toContain('if-none-match')
    })

    test('stays where the next is an error', async () => {
      const { app, seen } = await serve(() => ({ status: 503 }))
      await ask(app)
      await eventually(() => seen.length === 2)
      expect((await ask(app)).body).toBe('response 1')
    })

    test.each([403, 404])('goes where the next is a %s', async (status) => {
      const { app, seen } = await serve(() => ({ status }))
      await ask(app)
      await eventually(() => seen.length === 2)
      await eventually(async () => (await ask(app)).body === 'response 3')
    })

    test('goes where the next may not be kept', async () => {
      const { app, seen } = await serve(() => ({ headers: { 'cache-control': 'no-store' }, body: 'secret' }))
      await ask(app)
      await eventually(() => seen.length === 2)
      await eventually(async () => (await ask(app)).body === 'response 3')
    })

    test('is made anew for who asked, or not at all', async () => {
      const asking = ['ann', 'ann', 'bob', 'ann']
      const whose: string[] = []
      const app = await its.start(() => ({ headers: stale, body: `for ${whose.at(-1)}` }), {
        partition: () => {
          whose.push(asking.shift() ?? 'ann')
          return whose.at(-1)!
        },
        credentials: 'partition',
      })
      await ask(app)
      its.clock.jump(61_000)
      expect((await ask(app)).body).toBe('for ann')
      await eventually(() => whose.length === 3)
      await eventually(() => stats().loadFailures === 1)
      expect((await ask(app)).body).toBe('for ann')
    })

    test('is not served once it was purged', async () => {
      const { app } = await serve(() => ({ headers: fresh, body: 'new' }), { tag: 'all' })
      await its.manager.evictTags(['all'])
      expect((await ask(app)).body).toBe('new')
    })
  })

  test('tags of the options, and those read off a response, purge it', async () => {
    let calls = 0
    const app = await its.start(
      ({ url }) => ({ headers: { ...fresh, 'cache-tag': `of${url?.replace('/', ':')}` }, body: String(++calls) }),
      { tags: (raw, { status, headers }) => [`path${raw.url}`, `status:${status}`, String(headers['cache-tag'])] },
    )
    const cache = its.manager.cache('responses')
    for (const tag of ['of:a', 'path/a', 'status:200', `path:127.0.0.1:${app.port}/a`]) {
      const { body } = await ask(app, { path: '/a' })
      expect((await ask(app, { path: '/a' })).body).toBe(body)
      await cache.evictTags([tag])
      expect((await ask(app, { path: '/a' })).body).not.toBe(body)
    }
  })

  test('what was purged while its handler ran is not kept', async () => {
    const working = gate()
    let calls = 0
    const app = await its.start(
      async () => {
        const call = ++calls
        if (call === 1) await working.pass()
        return { headers: fresh, body: String(call) }
      },
      { tags: ['all'] },
    )
    const asked = ask(app)
    await working.entered
    await its.manager.evictTags(['all'])
    working.open()
    expect((await asked).body).toBe('1')
    expect((await ask(app)).body).toBe('2')
  })

  test('tags that cannot be told keep nothing, and the request is answered', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation()
    const app = await its.start(() => ({ headers: fresh, body: 'here' }), {
      tags: () => {
        throw new Error('which tags?')
      },
    })
    for (let time = 0; time < 2; time++) {
      const { body, headers } = await ask(app)
      expect([body, headers['cache-status']]).toEqual(['here', expect.stringMatching(/fwd=miss/)])
    }
    expect(warned.mock.calls).toEqual([
      [expect.stringContaining('which tags?'), { type: 'CachewrightWarning', code: 'CW_FUNCTION_FAILED' }],
    ])
    warned.mockRestore()
  })

  test('a manager that is closed leaves the handlers alone', async () => {
    let calls = 0
    const app = await its.start(() => ({ headers: fresh, body: String(++calls) }))
    await its.manager.close()
    expect([(await ask(app)).body, (await ask(app)).body]).toEqual(['1', '2'])
  })

  test('a cache that takes no more loads leaves the handlers alone', async () => {
    const manager = createCacheManager({ defaults: { maxConcurrentLoads: 1, maxQueuedLoads: 1 } })
    const working = gate()
    const app = await its.start(
      async ({ url }) => {
        await working.pass()
        return { headers: fresh, body: String(url) }
      },
      {},
      manager,
    )
    const paths = ['/a', '/b', '/c', '/d']
    const asked = paths.map((path) => ask(app, { path }))
    await eventually(() => working.entries === 3)
    working.open()
    expect((await Promise.all(asked)).map(({ body }) => body)).toEqual(paths)
    await manager.close()
  })
})

describe('the handler', () => {
  const its = httpHouse()

  test('runs in the context of its request, and is seen by who detects around the cache', async () => {
    const context = new AsyncLocalStorage<string>()
    const rows = its.manager.cache<string>('rows')
    const detected: string[] = []
    const app = express()
    app.use((request, response, next) => {
      void context.run(String(request.get('x-id')), () =>
        detect(async () => {
          next()
          await new Promise((resolve) => response.once('close', resolve))
        }).then(({ reads }) => void detected.push(reads.map(({ cache, from }) => `${cache} ${from}`).join())),
      )
    })
    app.use(cacheResponses({ cache: its.manager.cache('responses'), ttl: '1m' }))
    app.get('/', async (_request, response) => {
      const row = await rows.getOrLoad('a', () => 'row')
      response.send(`${row} for ${context.getStore()}`)
    })
    const server = its.track(await listen(createServer(app)))
    expect((await ask(server, { headers: { 'x-id': 'ann' } })).body).toBe('row for ann')
    await eventually(() => detected.length === 1)
    expect(detected).toEqual(['rows source'])
  })
})

describe('over HTTP/2', () => {
  const its = httpHouse()

  test('responses are kept, and refreshed', async () => {
    const app = Fastify({ http2: true })
    await app.register(plugin as never, { cache: its.manager.cache('responses') } as never)
    let calls = 0
    app.get('/', async ({ hostname }, reply) => reply.headers(stale).send(`${hostname} ${++calls}`))
    await app.listen({ port: 0, host: '127.0.0.1' })
    const client = connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
    const get = async (authority: string): Promise<string> => {
      const stream = client.request({ ':path': '/', ':authority': authority })
      return (await stream.setEncoding('utf8').toArray()).join('')
    }
    expect([await get('one'), await get('two'), await get('one')]).toEqual(['one 1', 'two 2', 'one 1'])
    its.clock.jump(61_000)
    expect(await get('one')).toBe('one 1')
    await eventually(async () => (await get('one')) === 'one 3')
    client.close()
    await app.close()
  })
})

describe('a refresh in Express', () => {
  const its = httpHouse()

  test('goes through all that stands before the cache, which may refuse it', async () => {
    let calls = 0
    const guarded: string[] = []
    const parent = express()
    parent.use((request, response, next) => {
      guarded.push(request.originalUrl)
      if (guarded.length === 3) response.status(401).end()
      else next()
    })
    const child = express()
    child.use(cacheResponses({ cache: its.manager.cache('responses') }))
    child.get('/page', (_request, response) => void response.set(stale).send(String(++calls)))
    parent.use('/child', child)
    const app = its.track(await listen(createServer(parent)))
    const get = async (): Promise<string> => (await ask(app, { path: '/child/page?a=1' })).body
    expect(await get()).toBe('1')
    its.clock.jump(61_000)
    expect(await get()).toBe('1')
    await eventually(() => guarded.length === 3)
    expect(await get()).toBe('1')
    await eventually(() => its.manager.cache('responses').stats().loadFailures === 1)
    its.clock.jump(1_000)
    expect(await get()).toBe('1')
    await eventually(async () => (await get()) === '2')
    expect(new Set(guarded)).toEqual(new Set(['/child/page?a=1']))
  })
})

describe('two processes', () => {
  const house = redisHouse()

  describe.each(frameworks)('%s', (_name, startWith) => {
    const its = httpHouse(startWith)

    test('load once, tell each other the age, and hear of a purge', async () => {
      const [one, two] = [house.open(), house.open()]
      await Promise.all([one.ready(), two.ready()])
      const working = gate()
      let calls = 0
      const handler = async (): Promise<Answer> => {
        calls++
        await working.pass()
        return { headers: fresh, body: Buffer.from(`response ${calls}`) }
      }
      const apps = [await its.start(handler, { tags: ['all'] }, one), await its.start(handler, { tags: ['all'] }, two)]
      const headers = { host: 'shop' }
      const burst = apps.flatMap((app) => Array.from({ length: 5 }, () => ask(app, { headers })))
      await working.entered
      await eventually(() => one.cache('responses').stats().joins + two.cache('responses').stats().joins === 8)
      await throughout(50, () => expect(calls).toBe(1))
      working.open()
      expect(new Set((await Promise.all(burst)).map(({ body }) => body))).toEqual(new Set(['response 1']))
      for (const app of apps) {
        const { headers: its } = await ask(app, { headers })
        expect([its['cache-status'], Number(its.age) < 10]).toEqual([expect.stringMatching(/hit/), true])
      }
      await one.evictTags(['all'])
      expect((await ask(apps[0]!, { headers })).body).toBe('response 2')
      await eventually(async () => (await ask(apps[1]!, { headers })).body === 'response 2')
      await ask(apps[1]!, { method: 'DELETE', headers })
      await eventually(async () => (await ask(apps[0]!, { headers })).body === 'response 4')
    })
  })

  test('requests are answered while Redis is away', async () => {
    const server = await house.another()
    const manager = house.open({}, { url: server.url })
    await manager.ready()
    const app = express().use(cacheResponses({ cache: manager.cache('responses'), ttl: '1m' }))
    let calls = 0
    app.get('/', (_request, response) => void response.send(String(++calls)))
    const listening = await listen(createServer(app))
    await server.stop()
    expect((await ask(listening)).body).toBe('1')
    await ask(listening, { method: 'POST' })
    await listening.close()
  })
})

describe('options that cannot be', () => {
  const cache = createCacheManager().cache('responses')

  test.each([
    [{}, 'CW_OPTION_INVALID', 'option `cache` is needed'],
    [{ cache: {} }, 'CW_OPTION_INVALID', 'manager.cache(name)'],
    [{ cache, tll: '1m' }, 'CW_OPTION_UNKNOWN', 'Did you mean `ttl`?'],
    [{ cache, ttl: 'soon' }, 'CW_OPTION_INVALID', 'is not a duration'],
    [{ cache, query: ['a[]'] }, 'CW_OPTION_INVALID', 'names of query parameters'],
    [{ cache, vary: ['a b'] }, 'CW_OPTION_INVALID', 'names of header fields'],
    [{ cache, maxBytes: 0 }, 'CW_OPTION_INVALID', 'a whole number above 0'],
    [{ cache, credentials: 'all' }, 'CW_OPTION_INVALID', "'refuse', 'partition'"],
    [{ cache, credentials: 'partition' }, 'CW_OPTIONS_CONTRADICT', 'needs `partition`'],
  ])('%j', async (options, code, message) => {
    const refusal = expect.objectContaining({ code, message: expect.stringContaining(message) })
    expect(() => cacheResponses(options as never)).toThrow(refusal)
    await expect(Fastify().register(plugin, options as never)).rejects.toEqual(refusal)
  })
})
