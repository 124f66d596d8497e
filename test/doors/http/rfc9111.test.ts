import { throughout } from '../../support/eventually'
import { gate } from '../../support/gate'
import { type Answer, type Asked, ask, frameworks, type Got, type Handler, type Options } from './apps'
import { httpHouse } from './house'

/*
 * What RFC 9111 requires of a cache, requirement by requirement: a first request, what its handler answers, a second
 * request, and whether that one may be answered with the first one's response. Each over real connections, in every framework.
 */

interface Case {
  readonly options?: Options
  readonly answer: Answer
  readonly first?: Asked
  /** Milliseconds between the two. */
  readonly after?: number
  readonly second?: Asked
  /** Whether the second is answered with the response to the first. */
  readonly isReused: boolean
  readonly check?: (second: Got, first: Got) => void
}

const fresh = { 'cache-control': 'max-age=60' }
const lastModified = 'Tue, 03 Nov 2026 10:00:00 GMT'

const cases: readonly (readonly [section: string, says: string, its: Case])[] = [
  // Storing responses.
  ['RFC 9111 §3', 'a response with explicit freshness is stored', { answer: { headers: fresh }, isReused: true }],
  ['RFC 9111 §3', 'a response without a lifetime is not, by default', { answer: {}, isReused: false }],
  [
    'RFC 9111 §3',
    'a method not understood is not',
    { first: { method: 'POST' }, second: { method: 'POST' }, answer: { headers: fresh }, isReused: false },
  ],
  [
    'RFC 9111 §3',
    'a response to POST does not answer a GET',
    { first: { method: 'POST' }, answer: { headers: fresh }, isReused: false },
  ],
  ['RFC 9111 §3', 'a status not understood is not', { answer: { status: 299, headers: fresh }, isReused: false }],
  ['RFC 9111 §3', 'nor an error of the server', { answer: { status: 503, headers: fresh }, isReused: false }],
  [
    'RFC 9111 §3',
    'a redirect that says so is',
    { answer: { status: 302, headers: { ...fresh, location: '/there' } }, isReused: true },
  ],
  ['RFC 9111 §3', 'so is a 404 that says so', { answer: { status: 404, headers: fresh }, isReused: true }],
  [
    'RFC 9111 §3.1',
    'fields of one connection are not stored',
    {
      answer: { headers: { ...fresh, connection: 'x-hop', 'x-hop': '1', 'x-end': '2', 'proxy-authenticate': 'Basic' } },
      isReused: true,
      check({ headers }) {
        expect(headers['x-end']).toBe('2')
        expect(headers).not.toHaveProperty('x-hop')
        expect(headers).not.toHaveProperty('proxy-authenticate')
      },
    },
  ],
  [
    'RFC 9111 §3.1',
    'all others are',
    {
      answer: { headers: { ...fresh, 'content-type': 'text/x-own; charset=utf-8', link: ['</a>', '</b>'] } },
      isReused: true,
      check({ headers }) {
        expect(headers['content-type']).toBe('text/x-own; charset=utf-8')
        expect(headers.link).toBe('</a>, </b>')
      },
    },
  ],
  [
    'RFC 9111 §3.3',
    'an incomplete response (206) is not',
    { answer: { status: 206, headers: { ...fresh, 'content-range': 'bytes 0-1/9' } }, isReused: false },
  ],
  [
    'RFC 9111 §3.3',
    'a request for a range is not answered from what is stored',
    { answer: { headers: fresh }, second: { headers: { range: 'bytes=0-1' } }, isReused: false },
  ],
  [
    'RFC 9111 §3.5',
    'the response to a request with Authorization is not stored',
    { first: { headers: { authorization: 'Basic YTpi' } }, answer: { headers: fresh }, isReused: false },
  ],
  [
    'RFC 9111 §3.5',
    'nor is a request with Authorization answered from what is stored',
    { answer: { headers: fresh }, second: { headers: { authorization: 'Basic YTpi' } }, isReused: false },
  ],
  [
    'RFC 9111 §3.5',
    'not even by `public`, unless a partition says whose it is',
    {
      first: { headers: { authorization: 'Basic YTpi' } },
      answer: { headers: { 'cache-control': 'public, max-age=60' } },
      isReused: false,
    },
  ],
  // Constructing responses from caches.
  [
    'RFC 9111 §4',
    'another path is another resource',
    { answer: { headers: fresh }, second: { path: '/other' }, isReused: false },
  ],
  [
    'RFC 9111 §4',
    'another query too',
    { first: { path: '/?a=1' }, answer: { headers: fresh }, second: { path: '/?a=2' }, isReused: false },
  ],
  [
    'RFC 9111 §4',
    'another host too',
    {
      first: { headers: { host: 'one' } },
      answer: { headers: fresh },
      second: { headers: { host: 'two' } },
      isReused: false,
    },
  ],
  [
    'RFC 9111 §4',
    'HEAD is answered by the response to GET',
    {
      answer: { headers: fresh },
      second: { method: 'HEAD' },
      isReused: true,
      check(second, first) {
        expect(second.body).toBe('')
        expect(second.headers['content-length']).toBe(String(first.bytes.length))
      },
    },
  ],
  [
    'RFC 9111 §4',
    'GET is not by the response to HEAD',
    { first: { method: 'HEAD' }, answer: { headers: fresh }, isReused: false },
  ],
  [
    'RFC 9111 §4',
    'a stored response that is used has Age',
    { answer: { headers: fresh }, after: 7_900, isReused: true, check: ({ headers }) => expect(headers.age).toBe('7') },
  ],
  [
    'RFC 9111 §4.1',
    'the same values of the fields in Vary',
    {
      answer: { headers: { ...fresh, vary: 'X-Kind' } },
      options: { vary: ['x-kind'] },
      first: { headers: { 'x-kind': 'a' } },
      second: { headers: { 'x-kind': 'a' } },
      isReused: true,
    },
  ],
  [
    'RFC 9111 §4.1',
    'other values are not answered with it',
    {
      answer: { headers: { ...fresh, vary: 'X-Kind' } },
      options: { vary: ['x-kind'] },
      first: { headers: { 'x-kind': 'a' } },
      second: { headers: { 'x-kind': 'b' } },
      isReused: false,
    },
  ],
  [
    'RFC 9111 §4.1',
    'nor is a request without the field',
    {
      answer: { headers: { ...fresh, vary: 'X-Kind' } },
      options: { vary: ['x-kind'] },
      first: { headers: { 'x-kind': 'a' } },
      isReused: false,
    },
  ],
  [
    'RFC 9111 §4.1',
    'absent is not empty',
    {
      answer: { headers: { ...fresh, vary: 'X-Kind' } },
      options: { vary: ['x-kind'] },
      first: { headers: { 'x-kind': '' } },
      isReused: false,
    },
  ],
  ['RFC 9111 §4.1', 'Vary: * is not stored', { answer: { headers: { ...fresh, vary: '*' } }, isReused: false }],
  [
    'RFC 9111 §4.1',
    'nor is `*` among others',
    { answer: { headers: { ...fresh, vary: 'accept-encoding, *' } }, isReused: false },
  ],
  [
    'RFC 9111 §4.1',
    'nor a field that is not in the key',
    { answer: { headers: { ...fresh, vary: 'Accept-Encoding, Origin' } }, isReused: false },
  ],
  [
    'RFC 9111 §4.1',
    'values that mean the same may be one',
    {
      answer: { headers: { ...fresh, vary: 'Accept-Encoding' } },
      first: { headers: { 'accept-encoding': 'gzip, br' } },
      second: { headers: { 'accept-encoding': 'BR ,gzip' } },
      isReused: true,
    },
  ],
  // Freshness.
  [
    'RFC 9111 §4.2',
    'it is fresh until its lifetime is over',
    { answer: { headers: fresh }, after: 59_999, isReused: true },
  ],
  ['RFC 9111 §4.2', 'and no longer', { answer: { headers: fresh }, after: 60_000, isReused: false }],
  [
    'RFC 9111 §4.2.1',
    's-maxage goes before max-age',
    { answer: { headers: { 'cache-control': 'max-age=1, s-maxage=60' } }, after: 30_000, isReused: true },
  ],
  [
    'RFC 9111 §4.2.1',
    'also where it is shorter',
    { answer: { headers: { 'cache-control': 'max-age=60, s-maxage=1' } }, after: 1_000, isReused: false },
  ],
  [
    'RFC 9111 §4.2.1',
    'max-age goes before Expires',
    {
      answer: { headers: { 'cache-control': 'max-age=60', expires: 'Thu, 01 Jan 1970 00:00:00 GMT' } },
      isReused: true,
    },
  ],
  [
    'RFC 9111 §4.2.1',
    'Expires counts from Date',
    {
      answer: { headers: { date: lastModified, expires: 'Tue, 03 Nov 2026 10:01:00 GMT' } },
      after: 59_000,
      isReused: true,
    },
  ],
  [
    'RFC 9111 §4.2.1',
    'and not from when it came',
    {
      answer: { headers: { date: lastModified, expires: 'Tue, 03 Nov 2026 10:01:00 GMT' } },
      after: 60_000,
      isReused: false,
    },
  ],
  [
    'RFC 9111 §4.2.1',
    'what is said twice holds in its stricter form',
    { answer: { headers: { 'cache-control': 'max-age=1, max-age=60' } }, after: 1_000, isReused: false },
  ],
  [
    'RFC 9111 §4.2.1',
    'whichever stands first',
    { answer: { headers: { 'cache-control': 'max-age=60, max-age=1' } }, after: 1_000, isReused: false },
  ],
  [
    'RFC 9111 §4.2.1',
    'what is no number is stale',
    { answer: { headers: { 'cache-control': 'max-age=1h' } }, isReused: false },
  ],
  ['RFC 9111 §4.2.2', 'a lifetime may be given to a 200', { answer: {}, options: { ttl: '1m' }, isReused: true }],
  [
    'RFC 9111 §4.2.2',
    'not where one is said',
    { answer: { headers: { 'cache-control': 'max-age=0' } }, options: { ttl: '1m' }, isReused: false },
  ],
  [
    'RFC 9111 §4.2.2',
    'nor to a status that has none by its definition',
    { answer: { status: 302 }, options: { ttl: '1m' }, isReused: false },
  ],
  [
    'RFC 9111 §4.2.3',
    'its own Age is a part of its age',
    {
      answer: { headers: { ...fresh, age: '20' } },
      after: 10_000,
      isReused: true,
      check: ({ headers }) => expect(headers.age).toBe('30'),
    },
  ],
  [
    'RFC 9111 §4.2.3',
    'and a part of its lifetime',
    { answer: { headers: { ...fresh, age: '20' } }, after: 40_000, isReused: false },
  ],
  [
    'RFC 9111 §4.2.3',
    'Date is that of the stored response',
    {
      answer: { headers: { ...fresh, date: lastModified } },
      isReused: true,
      check: ({ headers }) => expect(headers.date).toBe(lastModified),
    },
  ],
  [
    'RFC 9111 §4.2.4',
    'a stale response is not served unless it says so',
    { answer: { headers: fresh }, after: 61_000, isReused: false },
  ],
  [
    'RFC 5861 §3',
    'it is where it says so',
    {
      answer: { headers: { 'cache-control': 'max-age=60, stale-while-revalidate=30' } },
      after: 89_000,
      isReused: true,
      check: ({ headers }) => expect(headers.age).toBe('89'),
    },
  ],
  [
    'RFC 5861 §3',
    'and no longer than it says',
    {
      answer: { headers: { 'cache-control': 'max-age=60, stale-while-revalidate=30' } },
      after: 90_000,
      isReused: false,
    },
  ],
  [
    'RFC 9111 §4.2.4',
    'or where the options say so',
    { answer: { headers: fresh }, options: { staleWhileRevalidate: '30s' }, after: 89_000, isReused: true },
  ],
  [
    'RFC 9111 §5.2.2.2',
    'must-revalidate forbids it',
    {
      answer: { headers: { 'cache-control': 'max-age=60, stale-while-revalidate=30, must-revalidate' } },
      after: 61_000,
      isReused: false,
    },
  ],
  [
    'RFC 9111 §5.2.2.8',
    'so does proxy-revalidate',
    {
      answer: { headers: { 'cache-control': 'max-age=60, proxy-revalidate' } },
      options: { staleWhileRevalidate: '30s' },
      after: 61_000,
      isReused: false,
    },
  ],
  [
    'RFC 9111 §5.2.2.10',
    'so does s-maxage',
    {
      answer: { headers: { 'cache-control': 's-maxage=60' } },
      options: { staleWhileRevalidate: '30s' },
      after: 61_000,
      isReused: false,
    },
  ],
  // Validation.
  [
    'RFC 9111 §4.3.2',
    'If-None-Match with the tag of the stored response is answered with 304',
    {
      answer: { headers: { ...fresh, etag: '"a"', 'content-type': 'text/plain' } },
      second: { headers: { 'if-none-match': '"x", "a"' } },
      isReused: true,
      check({ status, headers, body }) {
        expect([status, body]).toEqual([304, ''])
        expect(headers).toMatchObject({ etag: '"a"', 'cache-control': 'max-age=60', age: '0' })
        expect(headers).not.toHaveProperty('content-type')
        expect(headers).not.toHaveProperty('content-length')
      },
    },
  ],
  [
    'RFC 9110 §13.1.2',
    'the comparison is the weak one',
    {
      answer: { headers: { ...fresh, etag: 'W/"a"' } },
      second: { headers: { 'if-none-match': '"a"' } },
      isReused: true,
      check: ({ status }) => expect(status).toBe(304),
    },
  ],
  [
    'RFC 9110 §13.1.2',
    'on either side',
    {
      answer: { headers: { ...fresh, etag: '"a"' } },
      second: { headers: { 'if-none-match': 'W/"a"' } },
      isReused: true,
      check: ({ status }) => expect(status).toBe(304),
    },
  ],
  [
    'RFC 9110 §13.1.2',
    'a tag may have a comma in it',
    {
      answer: { headers: { ...fresh, etag: '"b"' } },
      second: { headers: { 'if-none-match': '"a,"b",c"' } },
      isReused: true,
      check: ({ status }) => expect(status).toBe(200),
    },
  ],
  [
    'RFC 9110 §13.1.2',
    '`*` is any',
    {
      answer: { headers: fresh },
      second: { headers: { 'if-none-match': '*' } },
      isReused: true,
      check: ({ status }) => expect(status).toBe(304),
    },
  ],
  [
    'RFC 9110 §13.1.2',
    'another tag is answered with the response',
    {
      answer: { headers: { ...fresh, etag: '"a"' } },
      second: { headers: { 'if-none-match': '"b"' } },
      isReused: true,
      check: ({ status }) => expect(status).toBe(200),
    },
  ],
  [
    'RFC 9110 §13.1.3',
    'If-Modified-Since does not count beside If-None-Match',
    {
      answer: { headers: { ...fresh, etag: '"a"', 'last-modified': lastModified } },
      second: { headers: { 'if-none-match': '"b"', 'if-modified-since': lastModified } },
      isReused: true,
      check: ({ status }) => expect(status).toBe(200),
    },
  ],
  [
    'RFC 9111 §4.3.2',
    'If-Modified-Since with its Last-Modified is answered with 304',
    {
      answer: { headers: { ...fresh, 'last-modified': lastModified } },
      second: { headers: { 'if-modified-since': lastModified } },
      isReused: true,
      check: ({ status }) => expect(status).toBe(304),
    },
  ],
  [
    'RFC 9111 §4.3.2',
    'without a Last-Modified, its Date counts',
    {
      answer: { headers: { ...fresh, date: lastModified } },
      second: { headers: { 'if-modified-since': lastModified } },
      isReused: true,
      check: ({ status }) => expect(status).toBe(304),
    },
  ],
  [
    'RFC 9111 §4.3.2',
    'an earlier time is answered with the response',
    {
      answer: { headers: { ...fresh, 'last-modified': lastModified } },
      second: { headers: { 'if-modified-since': 'Mon, 02 Nov 2026 10:00:00 GMT' } },
      isReused: true,
      check: ({ status }) => expect(status).toBe(200),
    },
  ],
  [
    'RFC 9110 §13.1.3',
    'what is no time does not count',
    {
      answer: { headers: { ...fresh, 'last-modified': lastModified } },
      second: { headers: { 'if-modified-since': '9999' } },
      isReused: true,
      check: ({ status }) => expect(status).toBe(200),
    },
  ],
  [
    'RFC 9110 §13.2.1',
    'nor does a condition where the answer is no success',
    {
      answer: { status: 404, headers: { ...fresh, etag: '"a"' } },
      second: { headers: { 'if-none-match': '"a"' } },
      isReused: true,
      check: ({ status }) => expect(status).toBe(404),
    },
  ],
  [
    'RFC 9110 §8.8.1',
    'a response without a validator gets a strong one',
    {
      answer: { headers: fresh },
      isReused: true,
      check({ headers }, first) {
        expect(headers.etag).toMatch(/^"[\w-]{27}"$/)
        expect(first.headers.etag).toBe(headers.etag)
      },
    },
  ],
  [
    'RFC 9111 §4.3.1',
    'a condition is no reason to keep a response without its body',
    {
      answer: { headers: { ...fresh, etag: '"a"' } },
      first: { headers: { 'if-none-match': '"a"' } },
      isReused: true,
      check: ({ status }, first) => expect([first.status, status]).toEqual([304, 200]),
    },
  ],
  [
    'RFC 9110 §13.1.1',
    'If-Match is for the handler',
    { answer: { headers: { ...fresh, etag: '"a"' } }, second: { headers: { 'if-match': '"b"' } }, isReused: false },
  ],
  // Invalidating stored responses, see also below.
  // Field definitions.
  [
    'RFC 9111 §5.2',
    'names of directives have no case, values may be quoted',
    { answer: { headers: { 'cache-control': 'MAX-AGE="60"' } }, isReused: true },
  ],
  [
    'RFC 9111 §5.2',
    'a comma in a quoted value separates nothing',
    { answer: { headers: { 'cache-control': 'x="a, no-store", max-age=60' } }, isReused: true },
  ],
  [
    'RFC 9111 §5.2',
    'what cannot be read is not stored',
    { answer: { headers: { 'cache-control': 'max-age=60, x="' } }, isReused: false },
  ],
  [
    'RFC 9111 §5.2',
    'of several lines each counts',
    { answer: { headers: { 'cache-control': ['max-age=60', 'no-store'] } }, isReused: false },
  ],
  [
    'RFC 9111 §5.2.1.4',
    'no-cache of a request is not followed: anybody could say it',
    { answer: { headers: fresh }, second: { headers: { 'cache-control': 'no-cache' } }, isReused: true },
  ],
  [
    'RFC 9111 §5.2.1.5',
    'no-store of a request is',
    { first: { headers: { 'cache-control': 'no-store' } }, answer: { headers: fresh }, isReused: false },
  ],
  [
    'RFC 9111 §5.2.2.4',
    'no-cache is not stored',
    { answer: { headers: { 'cache-control': 'no-cache, max-age=60' } }, isReused: false },
  ],
  [
    'RFC 9111 §5.2.2.4',
    'also with names of fields',
    { answer: { headers: { 'cache-control': 'no-cache="x-a", max-age=60' } }, isReused: false },
  ],
  [
    'RFC 9111 §5.2.2.5',
    'no-store is not stored',
    { answer: { headers: { 'cache-control': 'no-store, max-age=60' } }, isReused: false },
  ],
  [
    'RFC 9111 §5.2.2.5',
    'not even where a lifetime is given',
    { answer: { headers: { 'cache-control': 'no-store' } }, options: { ttl: '1m' }, isReused: false },
  ],
  [
    'RFC 9111 §5.2.2.7',
    'private is not stored',
    { answer: { headers: { 'cache-control': 'private, max-age=60' } }, isReused: false },
  ],
  [
    'RFC 9111 §5.2.2.7',
    'also with names of fields',
    { answer: { headers: { 'cache-control': 'private="x-a", max-age=60' } }, isReused: false },
  ],
  [
    'RFC 9111 §5.2.2.9',
    'public is no lifetime',
    { answer: { headers: { 'cache-control': 'public' } }, isReused: false },
  ],
  [
    'RFC 9111 §5.3',
    'an Expires that is no date is over',
    { answer: { headers: { expires: '0' } }, options: { ttl: '1m' }, isReused: false },
  ],
  // Beside it: what browsers keep, and must not be given by others.
  [
    'RFC 9111 §7.3',
    'a response that sets a cookie is not stored',
    { answer: { headers: { ...fresh, 'set-cookie': 'a=1' } }, isReused: false },
  ],
  [
    'RFC 9111 §7.3',
    'a request with a cookie is not answered from what is stored',
    { answer: { headers: fresh }, second: { headers: { cookie: 'a=1' } }, isReused: false },
  ],
  [
    'RFC 9111 §7.3',
    'nor is the response to one stored',
    { first: { headers: { cookie: 'a=1' } }, answer: { headers: fresh }, isReused: false },
  ],
]

describe.each(frameworks)('%s', (_name, startWith) => {
  const its = httpHouse(startWith)

  test.each(cases)('%s: %s', async (_section, _says, { options, answer, first, after, second, isReused, check }) => {
    let calls = 0
    const handler: Handler = () => {
      calls++
      return { body: `response ${calls}`, ...answer }
    }
    const app = await its.start(handler, options)
    const one = await ask(app, first)
    its.clock.jump(after ?? 0)
    const other = await ask(app, second)
    // Also the wait for a refresh must not let a case pass.
    const reused = /; hit/.test(String(other.headers['cache-status']))
    expect(reused).toBe(isReused)
    if (isReused && other.body !== '') expect(other.body).toBe('response 1')
    if (!isReused && other.body !== '' && other.status !== 304) expect(other.body).toBe('response 2')
    check?.(other, one)
  })

  test.each(['POST', 'PUT', 'DELETE', 'PATCH'])(
    'RFC 9111 §4.4: %s without an error removes what is stored of its path',
    async (method) => {
      let calls = 0
      const app = await its.start(({ method: by }) => ({
        status: by === 'GET' ? 200 : 204,
        headers: by === 'GET' ? fresh : {},
        body: by === 'GET' ? `response ${++calls}` : '',
      }))
      for (const path of ['/a', '/a?q', '/b']) await ask(app, { path })
      await ask(app, { method, path: '/a' })
      const bodies = []
      for (const path of ['/a', '/a?q', '/b']) bodies.push((await ask(app, { path })).body)
      expect(bodies).toEqual(['response 4', 'response 5', 'response 3'])
    },
  )

  test('RFC 9111 §4.4: it is removed before the answer is complete', async () => {
    const removing = gate()
    jest.spyOn(its.manager.cache('responses'), 'evictTags').mockImplementation(() => removing.pass())
    const app = await its.start(() => ({ status: 204 }))
    let isAnswered = false
    const answered = ask(app, { method: 'DELETE' }).then(() => {
      isAnswered = true
    })
    await removing.entered
    await throughout(30, () => expect(isAnswered).toBe(false))
    removing.open()
    await answered
  })

  test('RFC 9111 §4.4: an error removes nothing', async () => {
    let calls = 0
    const app = await its.start(({ method }) =>
      method === 'GET' ? { headers: fresh, body: String(++calls) } : { status: 409 },
    )
    await ask(app)
    await ask(app, { method: 'PUT' })
    expect((await ask(app)).body).toBe('1')
  })
})
