import { createCacheManager, detect } from 'cachewright'
import { detecting } from '../../../src/events/detection'

const manager = createCacheManager()
afterAll(() => manager.close())

const read = async (cache: string, key: string): Promise<void> => {
  await manager.cache(cache).put(key, 1)
  await manager.cache(cache).get(key)
}

describe('what detect returns', () => {
  test('is data: frozen, and whole as JSON', async () => {
    const detected = await detect(() => read('c', 'a'))
    expect(Object.isFrozen(detected) && Object.isFrozen(detected.reads) && Object.isFrozen(detected.reads[0])).toBe(
      true,
    )
    expect(JSON.parse(JSON.stringify(detected))).toEqual({
      reads: [{ cache: 'c', key: 'a', from: 'local', ageMs: expect.any(Number) as number }],
    })
  })

  test('is as a text the value of a header, whatever caches and keys are called', async () => {
    const detected = await detect(async () => {
      await read('größe', 'lampe 💡\r\n')
      await read('\ud800', '\0')
    })
    const text = String(detected)
    expect(text).toMatch(/^[\x20-\x7e]+$/)
    expect(text).toMatch(
      /^gr%C3%B6%C3%9Fe lampe %F0%9F%92%A1%0D%0A: local, \d+ ms old; %EF%BF%BD %00: local, \d+ ms old$/,
    )
    expect(() => new Headers({ 'x-cache': text })).not.toThrow()
  })

  test('what the work throws, at once too', async () => {
    await expect(
      detect(() => {
        throw new Error('at once')
      }),
    ).rejects.toThrow('at once')
  })
})

test('who does not detect is asked for nothing, before and after', async () => {
  expect(detecting.count).toBe(0)
  let during = 0
  await detect(async () => {
    await detect(() => {
      during = detecting.count
    })
  })
  expect(during).toBe(2)
  await detect(() => Promise.reject(new Error('no'))).catch(() => {})
  expect(detecting.count).toBe(0)
})
