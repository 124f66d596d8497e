import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { cacheResponses as middleware } from 'cachewright/express'
import { cacheResponses } from 'cachewright/fastify'
import compression from 'compression'
import express from 'express'
import Fastify, { type FastifyInstance, type FastifyRequest, type FastifyServerOptions } from 'fastify'
import { type App, type Asked, ask, frameworks, type Handler, listen, type Options, say } from './apps'
import { httpHouse } from './house'

// Nobody's response may ever reach another. Each attack asks first, and the victim next.

const fresh = { 'cache-control': 'max-age=60' }

describe.each(frameworks)('%s', (_name, startWith) => {
  const its = httpHouse(startWith)

  /** What a handler answers that shows all it was asked. */
  const echo: Handler = ({ url, headers: { host, ...headers } }) => ({
    headers: fresh,
    body: JSON.stringify([
      url,
      host,
      headers['x-forwarded-host'],
      headers['x-kind'],
      headers.authorization,
      headers.cookie,
    ]),
  })

  const pairs: readonly (readonly [what: string, one: Asked, other: Asked, options?: Options])[] = [
    ['the order of the query', { path: '/?a=1&b=2' }, { path: '/?b=2&a=1' }],
    ['one parameter twice', { path: '/?a=1&a=2' }, { path: '/?a=2&a=1' }],
    ['an encoded slash', { path: '/a%2Fb' }, { path: '/a/b' }],
    ['an encoded letter', { path: '/%61' }, { path: '/a' }],
    ['an encoded question mark', { path: '/a%3Fb=1' }, { path: '/a?b=1' }],
    ['dots', { path: '/a/../b' }, { path: '/b' }],
    ['two slashes', { path: '//b' }, { path: '/b' }],
    ['an empty query', { path: '/b?' }, { path: '/b' }],
    ['upper case', { path: '/B' }, { path: '/b' }],
    ['the separator of keys', { path: '/a:b' }, { path: '/a%3Ab' }],
    ['another host', { headers: { host: 'evil' } }, { headers: { host: 'shop' } }],
    ['another port', { headers: { host: 'shop:1' } }, { headers: { host: 'shop' } }],
    [
      'a host that holds the path',
      { headers: { host: 'shop/a' }, path: '/' },
      { headers: { host: 'shop' }, path: '/a' },
    ],
    ['a forwarded host', { headers: { 'x-forwarded-host': 'evil' } }, {}],
    ['a forwarded protocol', { headers: { 'x-forwarded-proto': 'https' } }, {}],
    ['a parameter of another shape', { path: '/?a[]=1' }, { path: '/' }, { query: ['a'] }],
    ['a parameter with an encoded name', { path: '/?%61=1' }, { path: '/' }, { query: ['a'] }],
    ['a parameter behind a semicolon', { path: '/?x=1;a=2' }, { path: '/' }, { query: ['a'] }],
    ['a parameter with a dot', { path: '/?a.b=2' }, { path: '/' }, { query: ['a'] }],
    [
      'a parameter behind more than parsers read',
      { path: `/?${'x=1&'.repeat(1_000)}a=2` },
      { path: '/?a=2' },
      { query: ['a'] },
    ],
    ['two values of a chosen parameter', { path: '/?a=1&a=2' }, { path: '/?a=2&a=1' }, { query: ['a'] }],
    [
      'a list of values in Vary',
      { headers: { 'x-kind': 'a, b' } },
      { headers: { 'x-kind': 'b, a' } },
      { vary: ['x-kind'] },
    ],
    [
      'two fields, one of them empty',
      { headers: { 'x-a': 'v', 'x-kind': '' } },
      { headers: { 'x-a': '', 'x-kind': 'v' } },
      { vary: ['x-a', 'x-kind'] },
    ],
  ]

  test.each(pairs.map(([what, ...rest]) => ({ what, rest })))('$what', async ({ rest: [one, other, options] }) => {
    const app = await its.start(echo, options)
    const first = await ask(app, one)
    const second = await ask(app, other)
    expect([first.status, second.status]).toEqual([200, 200])
    expect(second.headers['cache-status']).toMatch(/fwd/)
    const [url, host] = JSON.parse(second.body) as string[]
    expect(url).toBe(other.path ?? '/')
    expect(host).toBe(other.headers?.host ?? `127.0.0.1:${app.port}`)
    // And the victim's own is kept beside it.
    expect((await ask(app, other)).headers['cache-status']).toMatch(/hit/)
  })

  test.each(['http://evil/', '/#a', '/\\a', '*'])('the target %s has nothing to do with the cache', async (target) => {
    let calls = 0
    const app = await its.start(() => ({ headers: fresh, body: `response ${++calls}` }))
    for (let time = 0; time < 2; time++) {
      const said = await say(app, `GET ${target} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n`)
      expect(said).not.toMatch(/; hit/)
    }
    expect((await ask(app, { headers: { host: 'shop' } })).headers['cache-status']).toMatch(/stored/)
  })

  test('chosen parameters are all that matters of a plain query', async () => {
    let calls = 0
    const app = await its.start(() => ({ headers: fresh, body: String(++calls) }), { query: ['a', 'b'] })
    const bodies = []
    for (const path of ['/?a=1&b=2', '/?b=2&utm=x&a=1', '/?a=1', '/?a=1&', '/', '/?utm=x', '/?']) {
      bodies.push((await ask(app, { path })).body)
    }
    expect(bodies).toEqual(['1', '1', '2', '2', '3', '3', '3'])
  })

  test('a GET with a body has nothing to do with the cache', async () => {
    const app = await its.start(({ headers }) => ({ headers: fresh, body: `length ${headers['content-length']}` }))
    const fat = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${app.port}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi`
    expect(await say(app, fat)).toMatch(/detail=body|400 Bad Request/)
    expect((await ask(app)).body).toBe('length undefined')
  })

  test('a request of HTTP/1.0 without a host has responses of its own', async () => {
    const app = await its.start(echo)
    const bare = 'GET / HTTP/1.0\r\n\r\n'
    expect(await say(app, bare)).toMatch(/stored[\s\S]*\["\/",null/)
    const again = await say(app, bare)
    expect(again).toMatch(/; hit[\s\S]*\["\/",null/)
    expect(again).toMatch(/\r\ncontent-length: \d+\r\n/i)
    expect((await ask(app)).headers['cache-status']).toMatch(/stored/)
  })

  test('two requests in one go on a connection are answered in their order', async () => {
    const app = await its.start(echo)
    await ask(app, { path: '/b' })
    const host = `Host: 127.0.0.1:${app.port}\r\n`
    const said = await say(app, `GET /a HTTP/1.1\r\n${host}\r\nGET /b HTTP/1.1\r\n${host}Connection: close\r\n\r\n`)
    expect(said.indexOf('["/a"')).toBeGreaterThan(0)
    expect(said.indexOf('["/b"')).toBeGreaterThan(said.indexOf('["/a"'))
  })

  describe('with partitions', () => {
    const partition = ({ headers }: IncomingMessage): string | undefined => {
      const whose = headers.authorization
      if (whose === 'broken') throw new Error('no such user')
      return whose
    }

    test('everybody has his own, of what is private too', async () => {
      const app = await its.start(
        ({ headers }) => ({
          headers: { 'cache-control': 'private, max-age=60' },
          body: `for ${headers.authorization}`,
        }),
        { partition, credentials: 'partition' },
      )
      for (const how of [/stored/, /hit/]) {
        for (const authorization of ['ann', 'bob']) {
          const { body, headers } = await ask(app, { headers: { authorization, cookie: 'a=1' } })
          expect(body).toBe(`for ${authorization}`)
          expect(headers['cache-status']).toMatch(how)
        }
      }
    })

    test('who is nobody has none', async () => {
      let calls = 0
      const app = await its.start(() => ({ headers: fresh, body: String(++calls) }), {
        partition,
        credentials: 'partition',
      })
      expect([(await ask(app)).body, (await ask(app)).body]).toEqual(['1', '2'])
    })

    test('a partition alone lets no credentials in', async () => {
      let calls = 0
      const app = await its.start(() => ({ headers: fresh, body: String(++calls) }), { partition: () => 'all' })
      const headers = { authorization: 'ann' }
      expect([(await ask(app, { headers })).body, (await ask(app, { headers })).body]).toEqual(['1', '2'])
    })

    test('where it throws the request is answered, and a warning says so once', async () => {
      const warned = jest.spyOn(process, 'emitWarning').mockImplementation()
      const app = await its.start(() => ({ headers: fresh, body: 'here' }), { partition, credentials: 'partition' })
      const headers = { authorization: 'broken' }
      for (let time = 0; time < 2; time++) expect((await ask(app, { headers })).body).toBe('here')
      expect(warned.mock.calls).toEqual([
        [expect.stringContaining('no such user'), { type: 'CachewrightWarning', code: 'CW_FUNCTION_FAILED' }],
      ])
      warned.mockRestore()
    })

    test('what is no key is answered past the cache', async () => {
      const app = await its.start(() => ({ headers: fresh, body: 'here' }), { partition: (() => () => 1) as never })
      expect((await ask(app)).body).toBe('here')
    })

    test('a response of a partition is none of those without', async () => {
      const cache = its.manager.cache('responses')
      const tenant = its.track(
        await startWith(() => ({ headers: fresh, body: 'of a tenant' }), cache, { partition: () => null as never }),
      )
      const all = its.track(await startWith(() => ({ headers: fresh, body: 'of all' }), cache))
      const headers = { host: 'shop' }
      await ask(tenant, { headers })
      expect((await ask(all, { headers })).body).toBe('of all')
    })
  })

  test('two apps that look at different things share nothing in one cache', async () => {
    const cache = its.manager.cache('responses')
    const byPath = its.track(await startWith(() => ({ headers: fresh, body: 'by path' }), cache, { query: [] }))
    const byAll = its.track(await startWith(() => ({ headers: fresh, body: 'by all' }), cache))
    const byKind = its.track(await startWith(() => ({ headers: fresh, body: 'by kind' }), cache, { vary: ['x-kind'] }))
    const headers = { host: 'shop' }
    await ask(byPath, { headers, path: '/?a=1' })
    expect((await ask(byAll, { headers })).body).toBe('by all')
    expect((await ask(byKind, { headers })).body).toBe('by kind')
  })

  test('an encoded body goes only to who takes its encoding', async () => {
    const handler: Handler = ({ headers }) => {
      const encodes = String(headers['accept-encoding']).includes('gzip')
      return {
        headers: { ...fresh, vary: 'accept-encoding', ...(encodes && { 'content-encoding': 'gzip' }) },
        body: encodes ? 'packed' : 'plain',
      }
    }
    const app = await its.start(handler)
    const gzip = { headers: { 'accept-encoding': 'gzip' } }
    for (const how of [/stored/, /hit/]) {
      const [packed, plain] = [await ask(app, gzip), await ask(app)]
      expect([packed.body, packed.headers['content-encoding']]).toEqual(['packed', 'gzip'])
      expect([plain.body, plain.headers['content-encoding']]).toEqual(['plain', undefined])
      expect(packed.headers['cache-status']).toMatch(how)
      expect(plain.headers['cache-status']).toMatch(how)
    }
  })

  test('an encoded body is not kept where the encoding is not in the key, whatever Vary says', async () => {
    const app = await its.start(() => ({ headers: { ...fresh, 'content-encoding': 'gzip' }, body: 'packed' }), {
      vary: [],
    })
    await ask(app)
    expect((await ask(app)).headers['cache-status']).toMatch(/detail=not-kept/)
  })

  test('a client that hangs up while it waits leaves the others their answer', async () => {
    let open = (): void => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    let calls = 0
    const app = await its.start(async () => {
      calls++
      await opened
      return { headers: fresh, body: 'here' }
    })
    const leading = ask(app)
    const waiting = connect(app.port, '127.0.0.1')
    waiting.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${app.port}\r\n\r\n`)
    await once(waiting, 'connect')
    const patient = ask(app)
    waiting.destroy()
    await once(waiting, 'close')
    open()
    expect([(await leading).body, (await patient).body]).toEqual(['here', 'here'])
    expect(calls).toBe(1)
  })
})

describe('in Fastify', () => {
  const its = httpHouse()

  /** An application of its own kind, listening. */
  async function serve(declare: (app: FastifyInstance) => void, options: FastifyServerOptions = {}): Promise<App> {
    const app = Fastify({ forceCloseConnections: true, ...options })
    await app.register(cacheResponses, { cache: its.manager.cache('responses'), ttl: '1m' })
    declare(app)
    await app.listen({ port: 0, host: '127.0.0.1' })
    return its.track({ port: (app.server.address() as AddressInfo).port, close: () => app.close() })
  }

  test('versions of a route are different resources', async () => {
    const app = await serve((its) => {
      for (const version of ['1.0.0', '2.0.0']) its.get('/', { constraints: { version } }, async () => version)
    })
    const get = async (version: string) => (await ask(app, { headers: { 'accept-version': version } })).body
    expect([await get('1.0.0'), await get('2.0.0'), await get('1.0.0')]).toEqual(['1.0.0', '2.0.0', '1.0.0'])
  })

  test('what guards a route stands before the cache, also at the route itself', async () => {
    const preHandler = async ({ headers }: FastifyRequest): Promise<void> => {
      if (headers['x-key'] !== 'mine') throw Object.assign(new Error('who are you'), { statusCode: 401 })
    }
    const app = await serve((its) => its.get('/', { preHandler }, async () => 'secret'))
    const get = async (key: string) => (await ask(app, { headers: { 'x-key': key } })).status
    expect([await get('mine'), await get('yours'), await get('mine')]).toEqual([200, 401, 200])
  })

  test('fields that hooks set are those of each request', async () => {
    let calls = 0
    const app = await serve((its) => {
      its.addHook('onRequest', async ({ headers }, reply) => {
        reply.header('x-request-id', headers['x-request-id']).header('x-of', 'all')
      })
      its.get('/', async (_request, reply) => reply.header('x-of', 'handler').send(String(++calls)))
    })
    for (const id of ['one', 'two']) {
      const { headers, body } = await ask(app, { headers: { 'x-request-id': id } })
      expect(headers).toMatchObject({ 'x-request-id': id, 'x-of': 'handler' })
      expect(body).toBe('1')
    }
  })

  test('a path that was rewritten for who asks is another resource', async () => {
    const app = await serve((its) => its.get('/:lang/', async ({ params }) => (params as { lang: string }).lang), {
      rewriteUrl: ({ url, headers }) => `/${String(headers['x-lang'])}${url}`,
    })
    const get = async (lang: string) => (await ask(app, { headers: { 'x-lang': lang } })).body
    expect([await get('de'), await get('fr'), await get('de')]).toEqual(['de', 'fr', 'de'])
  })

  test('a route has options of its own, or none', async () => {
    let calls = 0
    const handler = async (): Promise<string> => String(++calls)
    const app = await serve((its) => {
      its.get('/own', { config: { cacheResponses: { query: [] } } }, handler)
      its.get('/none', { config: { cacheResponses: false } }, handler)
    })
    const bodies = []
    for (const path of ['/own?a', '/own?b', '/none', '/none']) bodies.push((await ask(app, { path })).body)
    expect(bodies).toEqual(['1', '1', '2', '3'])
  })
})

describe('in Express', () => {
  const its = httpHouse()

  async function serve(declare: (app: express.Express, cached: express.RequestHandler) => void): Promise<App> {
    const app = express()
    declare(app, middleware({ cache: its.manager.cache('responses'), ttl: '1m' }))
    return its.track(await listen(createServer(app)))
  }

  test('fields that a middleware before it sets are those of each request', async () => {
    let calls = 0
    const app = await serve((its, cached) => {
      its.use((request, response, next) => {
        response.set({ 'x-request-id': request.get('x-request-id'), 'x-of': 'all' })
        next()
      }, cached)
      its.get('/', (_request, response) => void response.set('x-of', 'handler').send(String(++calls)))
    })
    for (const id of ['one', 'two']) {
      const { headers, body } = await ask(app, { headers: { 'x-request-id': id } })
      expect(headers).toMatchObject({ 'x-request-id': id, 'x-of': 'handler' })
      expect(body).toBe('1')
    }
  })

  test('a path that was rewritten for who asks is another resource', async () => {
    const app = await serve((its, cached) => {
      its.use((request, _response, next) => {
        request.url = `/${request.get('x-lang')}${request.url}`
        next()
      }, cached)
      its.get('/:lang/', ({ params }, response) => void response.send(params.lang))
    })
    const get = async (lang: string) => (await ask(app, { headers: { 'x-lang': lang } })).body
    expect([await get('de'), await get('fr'), await get('de')]).toEqual(['de', 'fr', 'de'])
  })

  test('paths that a rewriting makes one are two resources still', async () => {
    const app = await serve((its, cached) => {
      its.use((request, _response, next) => {
        request.url = '/page'
        next()
      }, cached)
      its.get('/page', ({ originalUrl }, response) => void response.send(originalUrl))
    })
    const bodies = []
    for (const path of ['/a', '/b', '/a?c']) bodies.push((await ask(app, { path })).body)
    expect(bodies).toEqual(['/a', '/b', '/a?c'])
  })

  test('a router has the responses of its own mount, and its chosen query', async () => {
    const chosen = middleware({ cache: its.manager.cache('responses'), ttl: '1m', query: ['a'] })
    const app = await serve((its) => {
      for (const path of ['/one', '/two']) {
        const router = express.Router()
        router.use(chosen).get('/', ({ baseUrl, query }, response) => void response.send(`${baseUrl} ${query.b}`))
        its.use(path, router)
      }
    })
    const bodies = []
    for (const path of ['/one?a=1&b=1', '/two?a=1&b=2', '/one?b=3&a=1']) bodies.push((await ask(app, { path })).body)
    expect(bodies).toEqual(['/one 1', '/two 2', '/one 1'])
  })

  test.each(['before', 'behind'])(
    'bodies that are compressed %s the cache reach only who can read them',
    async (where) => {
      const text = 'cached '.repeat(500)
      let calls = 0
      const app = await serve((its, cached) => {
        its.use(...(where === 'before' ? [compression(), cached] : [cached, compression()]))
        its.get('/', (_request, response) => {
          calls++
          response.type('text').send(text)
        })
      })
      for (let time = 0; time < 2; time++) {
        const packed = await ask(app, { headers: { 'accept-encoding': 'gzip' } })
        expect([packed.headers['content-encoding'], gunzipSync(packed.bytes).toString()]).toEqual(['gzip', text])
        const plain = await ask(app)
        expect([plain.headers['content-encoding'], plain.body]).toEqual([undefined, text])
      }
      expect(calls).toBe(2)
    },
  )
})
