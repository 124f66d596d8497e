import { decodeFrame, encodeFrame, encodeLease, type FrameHeader } from '../../../src/codec/frame'

const header: FrameHeader = {
  key: 'shop:products:1:{42}',
  fillId: Buffer.from('0102030405060708', 'hex'),
  stamp: 1700000000000123,
  createdAt: 1700000000000,
  expiresAt: 1700000300000,
  loadTime: 12.5,
  tags: ['category:7', 'ü'],
  staleUntil: 1700000300000,
  isError: false,
  validator: undefined,
}
const payload = Buffer.from('{"id":"42"}')
const frame = encodeFrame(header, 1, payload)

// What version 2 adds: how long the entry may be served past its life, that it is an error, its validator.
const extended: FrameHeader = { ...header, staleUntil: 1700000900000, isError: true, validator: 'W/"é"' }
const goldenExtension = [
  '4278bcff323a0000', // staleUntil
  '030006572f22c3a922', // flags, validator
].join('')

// Released bytes: entries written by version 1 must be readable for ever. Never edit, only add.
const golden = [
  'ca5601016b4d61ac', // magic, value, version, format, checksum
  '010203040506070843182890607901ec', // fill id, stamp
  '4278bcfe568000004278bcfe9fbe000041480000', // createdAt, expiresAt, loadTime
  '0000001473686f703a70726f64756374733a313a7b34327d', // key
  '0002000a63617465676f72793a370002c3bc', // tags
  '0000000b7b226964223a223432227d', // payload
].join('')

const reasonOf = (bytes: Buffer, key = header.key): string => {
  const result = decodeFrame(bytes, key)
  return result.kind === 'unreadable' ? result.reason : result.kind
}

const value = (bytes: Buffer): boolean => decodeFrame(bytes, header.key).kind === 'value'

describe('a frame', () => {
  test('brings back header, format and payload', () => {
    expect(decodeFrame(frame, header.key)).toEqual({ kind: 'value', header, format: 1, payload })
  })

  test.each([
    ['no tags', { ...header, tags: [] }],
    ['an entry that never expires', { ...header, expiresAt: Number.POSITIVE_INFINITY }],
    ['an empty key', { ...header, key: '' }],
    ['a long key', { ...header, key: 'ключ'.repeat(20_000) }],
    ['many tags', { ...header, tags: Array.from({ length: 0xffff }, (_, index) => `t${index}`) }],
    ['a long tag', { ...header, tags: ['x'.repeat(0xffff)] }],
  ])('with %s', (_, given) => {
    for (const body of [payload, Buffer.alloc(0), Buffer.alloc(100_000, 7)]) {
      expect(decodeFrame(encodeFrame(given, 0, body), given.key)).toEqual({
        kind: 'value',
        header: given,
        format: 0,
        payload: body,
      })
    }
  })

  test.each([
    ['too many tags', Array.from({ length: 0x10000 }, () => 't')],
    ['too long a tag', ['x'.repeat(0x10000)]],
  ])('%s are an error at the writer', (_, tags) => {
    expect(() => encodeFrame({ ...header, tags }, 0, payload)).toThrow(
      expect.objectContaining({ code: 'CW_VALUE_TOO_LARGE' }),
    )
  })

  test('the payload is a view', () => {
    const result = decodeFrame(frame, header.key)
    expect(result.kind === 'value' && result.payload.buffer === frame.buffer).toBe(true)
  })

  test('golden: version 1 as released', () => {
    expect(frame.toString('hex')).toBe(golden)
    expect(decodeFrame(Buffer.from(golden, 'hex'), header.key)).toEqual({ kind: 'value', header, format: 1, payload })
    expect(encodeLease('Abc-1').toString('hex')).toBe('ca4c01004162632d31')
  })
})

describe('what needs more than version 1 says', () => {
  const its = encodeFrame(extended, 1, payload)

  test('golden: version 2', () => {
    const tagsEnd = golden.indexOf('0000000b7b')
    const body = golden.slice(16, tagsEnd) + goldenExtension + golden.slice(tagsEnd)
    expect(its.toString('hex').slice(16)).toBe(body)
    expect(its.toString('hex').slice(0, 8)).toBe('ca560201')
    expect(decodeFrame(its, header.key)).toEqual({ kind: 'value', header: extended, format: 1, payload })
  })

  test.each([
    { staleUntil: header.expiresAt + 1 },
    { isError: true },
    { validator: '' },
    { staleUntil: Number.POSITIVE_INFINITY },
  ])('each of it alone: %j', (part) => {
    const one = { ...header, ...part }
    expect(decodeFrame(encodeFrame(one, 1, payload), header.key)).toMatchObject({ kind: 'value', header: one })
  })

  test('C99 every truncation and every changed byte', () => {
    for (let length = 0; length < its.length; length++) {
      expect(['truncated', 'not a frame']).toContain(reasonOf(its.subarray(0, length)))
    }
    for (let at = 3; at < its.length; at++) {
      const spoilt = Buffer.from(its)
      spoilt[at]! ^= 0x55
      expect(decodeFrame(spoilt, header.key).kind).toBe('unreadable')
    }
  })
})

describe('C99 anything else is named and never thrown', () => {
  test('wrong key', () => {
    expect(reasonOf(frame, 'shop:products:1:{43}')).toBe('wrong key')
    expect(reasonOf(frame, `${header.key} `)).toBe('wrong key')
    expect(reasonOf(frame, '')).toBe('wrong key')
  })

  test('a key that UTF-8 cannot hold is never taken for another one', () => {
    const odd = encodeFrame({ ...header, key: '\ud800' }, 0, payload)
    expect(reasonOf(odd, '\ud801')).toBe('wrong key')
  })

  test('newer version', () => {
    const later = Buffer.from(frame)
    for (const version of [3, 4, 255]) {
      later[2] = version
      expect(reasonOf(later)).toBe('newer')
      expect(reasonOf(Buffer.concat([later.subarray(0, 4), Buffer.from('whatever')]))).toBe('newer')
    }
    expect(decodeFrame(Buffer.of(0xca, 0x4c, 2, 0, 1), 'k')).toEqual({ kind: 'newer' })
  })

  test('every truncation', () => {
    for (let end = 0; end < frame.length; end++) {
      expect(reasonOf(frame.subarray(0, end))).toBe(end === 0 ? 'not a frame' : 'truncated')
    }
  })

  test('padding', () => {
    for (const more of [1, 2, 100]) expect(reasonOf(Buffer.concat([frame, Buffer.alloc(more)]))).toBe('padded')
    expect(reasonOf(Buffer.concat([frame, frame]))).toBe('padded')
  })

  test('every flip of one bit', () => {
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = Buffer.from(frame)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      const result = decodeFrame(flipped, header.key)
      expect(['unreadable', 'newer']).toContain(result.kind)
    }
  })

  test('every wrong byte', () => {
    for (let at = 0; at < frame.length; at++) {
      for (const wrong of [0, 1, 0x7f, 0xff]) {
        const spoiled = Buffer.from(frame)
        if (spoiled[at] === wrong) continue
        spoiled[at] = wrong
        expect(value(spoiled)).toBe(false)
      }
    }
  })

  test.each(['', '{"a":1}', '1', '\x00', 'Ê', 'OK'])('foreign text %j', (text) => {
    expect(reasonOf(Buffer.from(text))).toBe('not a frame')
  })
})

describe('a lease', () => {
  test('is told from a value by its second byte', () => {
    const lease = encodeLease('pid-17:abc')
    expect(decodeFrame(lease, 'any key')).toEqual({ kind: 'lease', token: 'pid-17:abc' })
    expect([...lease.subarray(0, 4)]).toEqual([0xca, 0x4c, 1, 0])
    expect(frame[1]).toBe(0x56)
  })

  test('without a token, or an endless one, is none', () => {
    expect(reasonOf(encodeLease(''))).toBe('truncated')
    expect(reasonOf(encodeLease('x'.repeat(10_000)))).toBe('damaged')
    expect(reasonOf(Buffer.of(0xca, 0x4c, 1, 1, 65))).toBe('damaged')
    expect(reasonOf(Buffer.of(0xca, 0x41, 1, 0, 65))).toBe('damaged')
    expect(reasonOf(Buffer.of(0xca, 0x4c, 0, 0, 65))).toBe('damaged')
  })
})
