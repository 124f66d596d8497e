import { Cacheable, CacheEvict, CachePut, Caching } from 'cachewright'
import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { places, world } from './world'

// Spring core and JSR-107, what is put and what is evicted: C4–C8, C20–C28, C37, C48, C53, C57, C61–C63.

describe.each(places)('a writing method, cached %s', (place) => {
  const its = world(place)
  const { manager } = its
  const cache = () => its.caching.cache('c')
  const has = async (key: unknown, name = 'c'): Promise<boolean> =>
    (await its.caching.cache(name).lookup(key as string)).found

  class Rows {
    calls = 0
    fails = false

    @Cacheable({ manager, cache: 'c' })
    async find(id: string): Promise<string> {
      this.calls++
      return `${id} ${this.calls}`
    }

    @CacheEvict({ manager, cache: 'c' })
    async evict(_id: string): Promise<void> {
      await this.#work()
    }

    @CacheEvict({ manager, cache: 'c', before: true })
    async evictBefore(_id: string): Promise<void> {
      await this.#work()
    }

    @CacheEvict({ manager, cache: 'c', allEntries: true })
    async evictAll(): Promise<void> {
      await this.#work()
    }

    @CacheEvict({ manager, cache: 'c', allEntries: true, before: true })
    async evictAllBefore(): Promise<void> {
      await this.#work()
    }

    async #work(): Promise<void> {
      if (this.fails) throw new Error('the write failed')
    }
  }

  test('C4 C53 a value is served until its key is evicted, whatever became of its source', async () => {
    const rows = new Rows()
    expect([await rows.find('a'), await rows.find('a')]).toEqual(['a 1', 'a 1'])
    await rows.evict('a')
    expect(await has('a')).toBe(false)
    expect(await rows.find('a')).toBe('a 2')
  })

  test('C5 C61 an evict waits for success: when the method throws, the entry stays', async () => {
    const rows = new Rows()
    await rows.find('a')
    rows.fails = true
    await expect(rows.evict('a')).rejects.toThrow('the write failed')
    expect(await has('a')).toBe(true)
  })

  test('C6 C62 an evict marked `before` has happened, whatever becomes of the method', async () => {
    const rows = new Rows()
    await rows.find('a')
    rows.fails = true
    await expect(rows.evictBefore('a')).rejects.toThrow('the write failed')
    expect(await has('a')).toBe(false)
  })

  test('C6 C62 and it has happened before the method is called', async () => {
    const found: boolean[] = []
    class Service {
      @CacheEvict({ manager, cache: 'c', before: true })
      async before(_id: string): Promise<void> {
        found.push(await has('a'))
      }
      @CacheEvict({ manager, cache: 'c' })
      async after(_id: string): Promise<void> {
        found.push(await has('a'))
      }
    }
    const service = new Service()
    await cache().put('a', 1)
    await service.before('a')
    await cache().put('a', 1)
    await service.after('a')
    expect(found).toEqual([false, true])
    expect(await has('a')).toBe(false)
  })

  test('C7 C63 an evict of all entries waits for success as well', async () => {
    const rows = new Rows()
    await rows.find('a')
    await rows.find('b')
    rows.fails = true
    await expect(rows.evictAll()).rejects.toThrow('the write failed')
    expect([await has('a'), await has('b')]).toEqual([true, true])
    rows.fails = false
    await rows.evictAll()
    expect([await has('a'), await has('b')]).toEqual([false, false])
  })

  test('C8 C63 marked `before`, it has happened although the method throws', async () => {
    const rows = new Rows()
    await rows.find('a')
    await rows.find('b')
    rows.fails = true
    await expect(rows.evictAllBefore()).rejects.toThrow('the write failed')
    expect([await has('a'), await has('b')]).toEqual([false, false])
  })

  test('C20 C57 a put calls the method each time, and what it answers takes the entry’s place', async () => {
    class Service {
      calls = 0
      @CachePut({ manager, cache: 'c' })
      async save(_id: string): Promise<number> {
        return ++this.calls
      }
    }
    const service = new Service()
    for (const expected of [1, 2]) {
      expect(await service.save('a')).toBe(expected)
      expect(await cache().get('a')).toBe(expected)
    }
  })

  test('C20 a put whose method throws leaves what was there', async () => {
    class Service {
      @CachePut({ manager, cache: 'c' })
      async save(_id: string): Promise<number> {
        throw new Error('the write failed')
      }
    }
    const service = new Service()
    await cache().put('a', 'before')
    await expect(service.save('a')).rejects.toThrow('the write failed')
    expect(await cache().get('a')).toBe('before')
  })

  test.each([
    [0, 1],
    [1, 0],
  ])('C20 two puts of one key that overlap leave it empty, whichever ends first (%i, %i)', async (...order) => {
    const gates = [gate<string>(), gate<string>()]
    class Service {
      @CachePut({ manager, cache: 'c', key: () => 'a' })
      async save(which: number): Promise<string> {
        return gates[which]!.pass()
      }
    }
    const service = new Service()
    await cache().put('a', 'before')
    const writes = [service.save(0), service.save(1)]
    await Promise.all(gates.map(({ entered }) => entered))
    for (const which of order) {
      gates[which]!.open(`value ${which}`)
      expect(await writes[which]).toBe(`value ${which}`)
    }
    expect(await has('a')).toBe(false)
  })

  test('C21 a put takes place only for arguments that its condition names', async () => {
    class Service {
      @CachePut({ manager, cache: 'c', condition: (n: number) => n === 3 })
      async save(n: number): Promise<number> {
        return n
      }
    }
    const service = new Service()
    await service.save(1)
    await service.save(3)
    expect([await has(1), await has(3)]).toEqual([false, true])
  })

  test('C23 three evicts on one method each take their entry', async () => {
    class Service {
      @CacheEvict({ manager, cache: 'one' })
      @CacheEvict({ manager, cache: 'two', key: (id: string) => ['by key', id] })
      @CacheEvict({ manager, cache: 'three', resultKey: (result: string) => result })
      async remove(_id: string): Promise<string> {
        return 'computed'
      }
    }
    const service = new Service()
    const keys = { one: 'a', two: ['by key', 'a'], three: 'computed' }
    for (const [name, key] of Object.entries(keys)) await its.caching.cache(name).put(key, 1)
    await service.remove('a')
    for (const [name, key] of Object.entries(keys)) expect(await has(key, name)).toBe(false)
  })

  test('C24 two puts fill two caches, as two decorators or as one', async () => {
    class Service {
      @CachePut({ manager, cache: 'one' })
      @CachePut({ manager, cache: 'two' })
      async save(id: string): Promise<string> {
        return id
      }
      @Caching({
        put: [
          { manager, cache: 'one' },
          { manager, cache: 'two' },
        ],
      })
      async saveAsWell(id: string): Promise<string> {
        return id
      }
    }
    const service = new Service()
    await service.save('a')
    await service.saveAsWell('b')
    for (const name of ['one', 'two']) expect(await its.caching.cache(name).getMany(['a', 'b'])).toEqual(['a', 'b'])
  })

  test('C24 two puts of one method into one cache fill it, also where their keys turn out to be one', async () => {
    interface User {
      readonly id: string
      readonly email: string
    }
    class Service {
      @CachePut({ manager, cache: 'c', key: (user: User) => user.id })
      @CachePut({ manager, cache: 'c', key: (user: User) => user.email })
      async save(user: User): Promise<User> {
        return user
      }
    }
    const service = new Service()
    const [ann, bob] = [
      { id: '1', email: 'ann@example.org' },
      { id: 'bob@example.org', email: 'bob@example.org' },
    ]
    await service.save(ann)
    expect(await cache().getMany([ann.id, ann.email])).toEqual([ann, ann])
    await service.save(bob)
    expect(await cache().get(bob.id)).toEqual(bob)
  })

  test('C25 a put’s key may be what the method has set', async () => {
    interface Draft {
      id?: string
      title: string
    }
    class Service {
      @CachePut({ manager, cache: 'c', resultKey: (saved: Draft) => saved.id })
      async byResult(draft: Draft): Promise<Draft> {
        return { ...draft, id: 'assigned' }
      }
      @CachePut({ manager, cache: 'c', key: (draft: Draft) => draft.id })
      async byArgument(draft: Draft): Promise<Draft> {
        draft.id = 'set on the argument'
        return draft
      }
    }
    const service = new Service()
    await service.byResult({ title: 'x' })
    await service.byArgument({ title: 'y' })
    expect(await cache().getMany(['assigned', 'set on the argument'])).toEqual([
      { title: 'x', id: 'assigned' },
      { title: 'y', id: 'set on the argument' },
    ])
  })

  test('C26 `unless` is asked before the key, so a key need not deal with what `unless` leaves out', async () => {
    class Service {
      @CachePut({
        manager,
        cache: 'c',
        unless: (saved: { id: string } | null) => saved === null,
        resultKey: (saved: { id: string } | null) => saved!.id,
      })
      async save(id: string | null): Promise<{ id: string } | null> {
        return id === null ? null : { id }
      }
    }
    const service = new Service()
    const skipped: unknown[] = []
    its.caching.on('skipped', (event) => skipped.push(event))
    expect(await service.save(null)).toBeNull()
    await service.save('a')
    expect(skipped).toEqual([])
    expect(await has('a')).toBe(true)
  })

  test('C27 an evict beside a read follows the method: a hit calls none, so it evicts nothing', async () => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'a' })
      @CacheEvict({ manager, cache: 'b' })
      async find(_id: string): Promise<number> {
        return ++this.calls
      }
    }
    const service = new Service()
    await its.caching.cache('b').put('x', 1)
    expect(await service.find('x')).toBe(1)
    expect(await has('x', 'b')).toBe(false)
    await its.caching.cache('b').put('x', 2)
    expect(await service.find('x')).toBe(1)
    expect(await its.caching.cache('b').get('x')).toBe(2)
  })

  test('C27 an evict marked `before` happens on every call, hit or not', async () => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'a' })
      @CacheEvict({ manager, cache: 'b', before: true })
      async find(_id: string): Promise<number> {
        return ++this.calls
      }
    }
    const service = new Service()
    await service.find('x')
    await its.caching.cache('b').put('x', 2)
    expect(await service.find('x')).toBe(1)
    expect(await has('x', 'b')).toBe(false)
  })

  test('C27 whoever waits together for a call that succeeded, the evict has happened, though its first caller left', async () => {
    const slow = gate<number>()
    class Service {
      @Cacheable({ manager, cache: 'a' })
      @CacheEvict({ manager, cache: 'b' })
      async find(_id: string, _signal?: AbortSignal): Promise<number> {
        return slow.pass()
      }
    }
    const service = new Service()
    await its.caching.cache('b').put('x', 2)
    const leaving = new AbortController()
    const left = service.find('x', leaving.signal)
    await slow.entered
    const stayed = service.find('x')
    await eventually(() => its.caching.cache('a').stats().joins === 1)
    leaving.abort(new Error('left'))
    await expect(left).rejects.toThrow('left')
    slow.open(1)
    expect(await stayed).toBe(1)
    expect(await has('x', 'b')).toBe(false)
  })

  test('C28 with the read conditioned away the method is called each time, and each time evicts', async () => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'a', condition: () => false })
      @CacheEvict({ manager, cache: 'b' })
      async find(_id: string): Promise<number> {
        return ++this.calls
      }
    }
    const service = new Service()
    await its.caching.cache('a').put('x', 'untouched')
    for (const expected of [1, 2]) {
      await its.caching.cache('b').put('x', 1)
      expect(await service.find('x')).toBe(expected)
      expect(await has('x', 'b')).toBe(false)
    }
    expect(await its.caching.cache('a').get('x')).toBe('untouched')
  })

  test('C37 an evict that asks for the result happens once that is settled, and not before', async () => {
    const slow = gate<{ changed: boolean }>()
    class Service {
      @CacheEvict({ manager, cache: 'c', allEntries: true, unless: (result: { changed: boolean }) => !result.changed })
      async update(): Promise<{ changed: boolean }> {
        return slow.pass()
      }
      @CacheEvict({ manager, cache: 'c', allEntries: true, unless: (result: { changed: boolean }) => !result.changed })
      async touch(): Promise<{ changed: boolean }> {
        return { changed: false }
      }
    }
    const service = new Service()
    await cache().put('a', 1)
    await service.touch()
    const updating = service.update()
    await slow.entered
    expect(await has('a')).toBe(true)
    slow.open({ changed: true })
    await updating
    expect(await has('a')).toBe(false)
  })

  test('C48 a read and a put of one method by opposite conditions: each call is one of both', async () => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'c', key: (id: string) => id, condition: (_id: string, renew: boolean) => !renew })
      @CachePut({ manager, cache: 'c', key: (id: string) => id, condition: (_id: string, renew: boolean) => renew })
      async find(_id: string, _renew: boolean): Promise<number> {
        return ++this.calls
      }
    }
    const service = new Service()
    expect([await service.find('a', false), await service.find('a', false)]).toEqual([1, 1])
    expect(await service.find('a', true)).toBe(2)
    expect(await service.find('a', false)).toBe(2)
  })

  test('C48 a read and a put of one cache and key without conditions: each call puts', async () => {
    class Service {
      calls = 0
      @Cacheable({ manager, cache: 'c' })
      @CachePut({ manager, cache: 'c' })
      async find(_id: string): Promise<number> {
        return ++this.calls
      }
    }
    const service = new Service()
    for (const expected of [1, 2, 3]) {
      expect(await service.find('a')).toBe(expected)
      expect(await cache().get('a')).toBe(expected)
    }
  })

  test('C62 the order of effects is fixed, however the decorators are written', async () => {
    const seen: string[] = []
    class Service {
      @CacheEvict({ manager, cache: 'c', key: () => 'after' })
      @CachePut({ manager, cache: 'c', key: () => 'put' })
      @CacheEvict({ manager, cache: 'c', key: () => 'before', before: true })
      async write(): Promise<number> {
        seen.push('method')
        return 1
      }
    }
    const service = new Service()
    its.caching.on('evict', ({ key }) => seen.push(`evict ${key}`))
    its.caching.on('put', ({ key }) => seen.push(`put ${key}`))
    await service.write()
    expect(seen).toEqual(['evict before', 'method', 'put put', 'evict after'])
  })
})
