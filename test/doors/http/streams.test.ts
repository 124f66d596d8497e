import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { cacheResponses } from 'cachewright/express'
import { eventually } from '../../support/eventually'
import { type Gate, gate } from '../../support/gate'
import { type App, ask, frameworks, listen, type Options, say } from './apps'
import { httpHouse } from './house'

// What leaves is what is kept, or nothing is.

const fresh = { 'cache-control': 'max-age=60' }

/** A body in two parts, with a gate between them. */
async function* halves(between: Gate<void>, second = 'world'): AsyncGenerator<string> {
  yield 'hello '
  await between.pass()
  yield second
}

/** Asks, and goes on as soon as there is a first byte. */
async function begin({ port }: App): Promise<{ readonly response: IncomingMessage; hangUp(): void }> {
  const asked = request({ port, host: '127.0.0.1', agent: false })
  asked.end()
  asked.on('error', () => {})
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  await once(response, 'readable')
  return { response, hangUp: () => void asked.destroy() }
}

describe.each(frameworks)('%s', (_name, startWith) => {
  const its = httpHouse(startWith)
  const status = async (app: App): Promise<string> => String((await ask(app)).headers['cache-status'])

  test('the first part of a stream is with the client before the last is made', async () => {
    const between = gate()
    const app = await its.start(() => ({ headers: fresh, body: Readable.from(halves(between)) }))
    const { response } = await begin(app)
    expect(String(response.read())).toBe('hello ')
    between.open()
    expect((await response.toArray()).join('')).toBe('world')
    const { body, headers } = await ask(app)
    expect(body).toBe('hello world')
    expect(headers).toMatchObject({ 'content-length': '11', etag: expect.stringMatching(/^"/) })
    expect(headers).not.toHaveProperty('transfer-encoding')
  })

  test('a stream that fails in the middle is not kept, and who waited has a whole one', async () => {
    const between = gate()
    let calls = 0
    const app = await its.start(() => ({
      headers: fresh,
      body: ++calls === 1 ? Readable.from(halves(between)) : 'whole',
    }))
    const broken = begin(app)
    await between.entered
    const waiting = ask(app)
    const { response } = await broken
    await eventually(() => its.manager.cache('responses').stats().joins === 1)
    between.fail(new Error('the source has failed'))
    await expect(response.toArray()).rejects.toThrow('aborted')
    expect((await waiting).body).toBe('whole')
    expect((await ask(app)).body).toBe('whole')
    expect(calls).toBe(2)
  })

  test.each(['before the first byte', 'in the middle'])(
    'a client that hangs up %s leaves those who wait a whole response',
    async (when) => {
      const before = gate()
      const between = gate()
      let calls = 0
      const app = await its.start(async () => {
        if (++calls > 1) return { headers: fresh, body: 'whole' }
        if (when === 'before the first byte') await before.pass()
        return { headers: fresh, body: Readable.from(halves(between)) }
      })
      const asked = request({ port: app.port, host: '127.0.0.1', agent: false })
      asked.on('error', () => {})
      asked.end()
      await (when === 'before the first byte' ? before.entered : between.entered)
      const waiting = [ask(app), ask(app)]
      await eventually(() => its.manager.cache('responses').stats().joins === 2)
      asked.destroy()
      const bodies = (await Promise.all(waiting)).map(({ body }) => body)
      expect(bodies).toEqual(['whole', 'whole'])
      before.open()
      between.open()
      expect((await ask(app)).body).toBe('whole')
      expect(calls).toBe(2)
    },
  )

  test.each(['by its length', 'by what comes'])('a body over the limit, known %s, is everybody’s own', async (how) => {
    let calls = 0
    const text = 'x'.repeat(50)
    const app = await its.start(
      () => {
        const body = `${++calls}${text}`
        const length = { 'content-length': String(body.length) }
        return {
          headers: { ...fresh, ...(how === 'by its length' && length) },
          body: Readable.from([body.slice(0, 9), body.slice(9)]),
        }
      },
      { maxBytes: 40 },
    )
    const bodies = []
    for (let time = 0; time < 3; time++) bodies.push((await ask(app)).body)
    expect(bodies).toEqual([1, 2, 3].map((call) => `${call}${text}`))
  })

  test('a whole body over the limit too, and it does not say that it is kept', async () => {
    const app = await its.start(() => ({ headers: fresh, body: 'x'.repeat(50) }), { maxBytes: 49 })
    expect(await status(app)).toMatch(/detail=size/)
    expect(await status(app)).toMatch(/detail=not-kept/)
  })

  test('a body of exactly the limit is kept', async () => {
    const app = await its.start(() => ({ headers: fresh, body: 'x'.repeat(50) }), { maxBytes: 50 })
    await ask(app)
    expect(await status(app)).toMatch(/hit/)
  })

  test('bytes come back as they were', async () => {
    const body = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    const app = await its.start(() => ({ headers: { ...fresh, 'content-type': 'application/octet-stream' }, body }))
    expect((await ask(app)).bytes).toEqual(body)
    expect((await ask(app)).bytes).toEqual(body)
  })

  test('a 204 has no body, and no length', async () => {
    const app = await its.start(() => ({ status: 204, headers: fresh }))
    await ask(app)
    const { status, headers } = await ask(app)
    expect([status, headers['cache-status'], headers['content-length']]).toEqual([
      204,
      expect.stringMatching(/hit/),
      undefined,
    ])
  })
})

describe('a handler that writes by hand', () => {
  const its = httpHouse()

  async function serve(
    handler: (response: ServerResponse, raw: IncomingMessage) => void,
    options: Options = {},
  ): Promise<App> {
    const cached = cacheResponses({ cache: its.manager.cache('responses'), cacheStatus: true, ...options })
    return its.track(await listen(createServer((raw, response) => cached(raw, response, () => handler(response, raw)))))
  }

  type Head = (response: ServerResponse) => void
  const heads: readonly (readonly [how: string, write: Head])[] = [
    ['an object', (response) => response.writeHead(200, { ...fresh, 'X-A': ['1', '2'] })],
    ['an object, with a message', (response) => response.writeHead(200, 'Fine', { ...fresh, 'X-A': ['1', '2'] })],
    [
      'names and values in turn',
      (response) => response.writeHead(200, ['Cache-Control', 'max-age=60', 'X-A', '1', 'X-A', '2']),
    ],
    [
      'names and values in turn, over what was set before',
      (response) => {
        response.setHeader('x-a', 'other')
        response.writeHead(200, ['Cache-Control', 'max-age=60', 'X-A', '1', 'X-A', '2'])
      },
    ],
    [
      'what was set before',
      (response) => {
        response.setHeader('x-a', 'other')
        response.setHeader('cache-control', 'max-age=60')
        response.writeHead(200, { 'x-a': ['1', '2'] })
      },
    ],
  ]

  test.each(heads)('fields given to writeHead as %s', async (_how, write) => {
    const app = await serve((response) => {
      write(response)
      response.end('body')
    })
    const first = await ask(app)
    const second = await ask(app)
    for (const { headers, body } of [first, second]) expect([headers['x-a'], body]).toEqual(['1, 2', 'body'])
    expect(second.headers['cache-status']).toMatch(/hit/)
  })

  test('a message of its own leaves with the status', async () => {
    const app = await serve((response) => response.writeHead(200, 'Fine', fresh).end('body'))
    expect(await say(app, 'GET / HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 Fine\r\n/)
  })

  test('a status that is none is refused as ever', async () => {
    const app = await serve((response) => {
      expect(() => response.writeHead(99)).toThrow('Invalid status code')
      response.end()
    })
    expect((await ask(app)).status).toBe(200)
  })

  test('a buffer that is used again after it was written', async () => {
    const app = await serve((response) => {
      const buffer = Buffer.from('one')
      response.writeHead(200, fresh)
      response.write(buffer, () => {
        buffer.write('two')
        response.end(buffer)
      })
    })
    await ask(app)
    expect((await ask(app)).body).toBe('onetwo')
  })

  test('text in an encoding of its own', async () => {
    const app = await serve((response) => {
      response.writeHead(200, fresh)
      response.write('6869', 'hex')
      response.end('\xe9', 'latin1')
    })
    const [first, second] = [await ask(app), await ask(app)]
    expect(second.bytes).toEqual(first.bytes)
    expect(second.bytes).toEqual(Buffer.from('hi\xe9', 'latin1'))
  })

  test('a response that is shorter than it says is not kept', async () => {
    const app = await serve((response) => {
      response.writeHead(200, { ...fresh, 'content-length': '9' })
      response.write('part')
      response.end()
    })
    const said = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${app.port}\r\nConnection: close\r\n\r\n`
    expect(await say(app, said)).toMatch(/part$/)
    expect(await say(app, said)).toMatch(/fwd=bypass; detail=not-kept/)
  })

  test('trailers reach the client of the handler, and are not kept', async () => {
    const app = await serve((response) => {
      response.writeHead(200, { ...fresh, trailer: 'x-sum' })
      response.write('body')
      response.addTrailers({ 'x-sum': '1' })
      response.end()
    })
    const said = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${app.port}\r\nConnection: close\r\n\r\n`
    expect(await say(app, said)).toMatch(/x-sum: 1\r\n\r\n$/)
    const kept = await say(app, said)
    expect(kept).toMatch(/hit[\s\S]*\r\n\r\nbody$/)
    expect(kept).not.toMatch(/x-sum|trailer/i)
  })

  test('interim responses leave at once, and are not kept', async () => {
    const app = await serve((response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      response.writeHead(200, fresh).end('body')
    })
    const said = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${app.port}\r\nConnection: close\r\n\r\n`
    expect(await say(app, said)).toMatch(/^HTTP\/1\.1 103 [\s\S]*\r\nHTTP\/1\.1 200 /)
    expect(await say(app, said)).toMatch(/^HTTP\/1\.1 200 /)
  })

  test('fields that are flushed reach the client before the body is there', async () => {
    const later = gate()
    const app = await serve(async (response) => {
      response.writeHead(200, { ...fresh, 'content-type': 'text/event-stream' })
      response.flushHeaders()
      await later.pass()
      response.end('data: 1\n\n')
    })
    const asked = request({ port: app.port, host: '127.0.0.1', agent: false })
    asked.end()
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    later.open()
    expect((await response.toArray()).join('')).toBe('data: 1\n\n')
  })

  test('a 304 of the handler is its own', async () => {
    const app = await serve((response) => response.writeHead(304, fresh).end())
    expect((await ask(app, { headers: { 'if-none-match': '"a"' } })).headers['cache-status']).toMatch(/detail=status/)
  })
})
