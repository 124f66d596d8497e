import { Cacheable, CachePut } from 'cachewright'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, quietly, world } from './world'

// What `version` does: the newest value stays, whichever is written last.

interface Row {
  readonly id: string
  readonly v: number
}

const row = (v: number): Row => ({ id: 'a', v })

afterEach(() => void jest.restoreAllMocks())

describe.each(places)('a version, cached %s', (place) => {
  const its = world(place)
  const { manager } = its
  const cache = () => its.caching.cache<Row>('c')
  const version = (value: Row): number => value.v

  class Rows {
    answers: (() => Promise<Row>)[] = []

    @CachePut({ manager, cache: 'c', key: (id: string) => id, version: (saved: Row) => saved.v })
    save(_id: string): Promise<Row> {
      return this.answers.shift()!()
    }

    @Cacheable({ manager, cache: 'c', key: (id: string) => id, version: (found: Row) => found.v })
    find(_id: string): Promise<Row> {
      return this.answers.shift()!()
    }
  }

  test('keeps a newer value from an older put', async () => {
    await cache().put('a', row(2), { version })
    await cache().put('a', row(1), { version })
    expect(await cache().get('a')).toEqual(row(2))
    await cache().put('a', row(3), { version })
    expect(await cache().get('a')).toEqual(row(3))
  })

  test.each([
    ['the newer ends first', 0],
    ['the older ends first', 1],
  ])('lets the newest of overlapping writes stay: %s', async (_, first) => {
    const rows = new Rows()
    const [newer, older] = [gate<Row>(), gate<Row>()]
    rows.answers = [() => newer.pass(), () => older.pass()]
    const saves = [rows.save('a'), rows.save('a')]
    await Promise.all([newer.entered, older.entered])
    if (first === 0) newer.open(row(2))
    else older.open(row(1))
    await saves[first]
    newer.open(row(2))
    older.open(row(1))
    await Promise.all(saves)
    expect(await cache().get('a')).toEqual(row(2))
  })

  test('an evict during a write leaves the key empty, for nobody knows its version', async () => {
    const rows = new Rows()
    const slow = gate<Row>()
    rows.answers = [() => slow.pass()]
    const saving = rows.save('a')
    await slow.entered
    await cache().evict('a')
    slow.open(row(9))
    await saving
    expect(await cache().get('a')).toBeUndefined()
  })

  test('is forgotten by an evict', async () => {
    await cache().put('a', row(7), { version })
    await cache().evict('a')
    await cache().put('a', row(1), { version })
    expect(await cache().get('a')).toEqual(row(1))
  })

  test.each<[string, unknown, unknown]>([
    ['numbers', 9, 10],
    ['fractions', 1.25, 1.5],
    ['negative numbers', -2.5, -2],
    ['bigints beyond 2^53', 2n ** 60n, 2n ** 60n + 1n],
    ['dates', new Date(5), new Date(6)],
    ['a number and a bigint', 9, 10n],
  ])('compares %s', async (_, old, young) => {
    await cache().put('a', row(2), { version: () => young as number })
    await cache().put('a', row(1), { version: () => old as number })
    expect(await cache().get('a')).toEqual(row(2))
  })

  test.each<[string, () => unknown]>([
    [
      'throws',
      (): never => {
        throw new Error('no')
      },
    ],
    ['returns a text', () => '1'],
    ['returns NaN', () => Number.NaN],
    ['returns an invalid date', () => new Date(Number.NaN)],
  ])('that %s is reported, and nothing is kept', async (_, broken) => {
    quietly()
    const skipped: string[] = []
    its.caching.on('skipped', ({ error }) => skipped.push(error.message))
    await cache().put('a', row(1))
    await cache().put('a', row(2), { version: broken as () => number })
    expect(await cache().get('a')).toBeUndefined()
    expect(skipped).toEqual([expect.stringContaining('`version` threw')])
  })

  if (place === 'on Redis') {
    test('keeps a read of a replica that is behind from taking the place of what another process wrote', async () => {
      const other = (await its.another()).cache<Row>('c')
      await other.put('a', row(2), { version })
      // Gone for want of memory, say: nothing but the version is known.
      await its.server.command('DEL', 'cache:c:1:{a}')
      const rows = new Rows()
      rows.answers = [async () => row(1), async () => row(2), async () => row(0)]
      expect(await rows.find('a')).toEqual(row(1))
      expect(await other.get('a')).toBeUndefined()
      expect(await rows.find('a')).toEqual(row(2))
      expect(await other.get('a')).toEqual(row(2))
      expect(await rows.find('a')).toEqual(row(2))
    })

    test('lets the newest of writes of two processes stay', async () => {
      const other = (await its.another()).cache<Row>('c')
      const rows = new Rows()
      const slow = gate<Row>()
      rows.answers = [() => slow.pass()]
      const saving = rows.save('a')
      await slow.entered
      await other.put('a', row(1), { version })
      slow.open(row(2))
      await saving
      await eventually(async () => expect(await other.get('a')).toEqual(row(2)))

      rows.answers = [async () => row(1)]
      await rows.save('a')
      expect(await cache().get('a')).toEqual(row(2))
    })
  }
})
