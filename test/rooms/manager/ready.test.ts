import {
  Cacheable,
  CacheConfig,
  CacheEvict,
  CacheIgnore,
  CacheKey,
  type CacheManager,
  CachePut,
  configureCaching,
  createCacheManager,
} from 'cachewright'
import { ManualClock } from 'cachewright/testing'
import { gate } from '../../support/gate'
import { warningsDuring } from '../../support/warnings'

// The manager itself and not a function: classes of earlier tests, which may still be there, belong to closed ones.
let own: CacheManager
let manager: CacheManager
const use = (its: CacheManager): void => {
  own = its
  manager = its
}
beforeEach(() => use(createCacheManager()))
afterEach(() => own.close())

// What ready() looks through is held weakly, so the classes are kept for as long as their test.
const keep: unknown[] = []
beforeEach(() => void keep.splice(0))

/** Calls `ready()`, with the warnings it gives to Node. */
async function ready() {
  let report: Awaited<ReturnType<CacheManager['ready']>> | undefined
  const warnings = await warningsDuring(async () => {
    report = await own.ready()
  })
  return { findings: report?.warnings ?? [], warnings, shared: report?.shared }
}

describe('ready() of decorated methods that are in order', () => {
  test('finds nothing', async () => {
    class Rows {
      @Cacheable({ manager, cache: 'rows' })
      async find(id: string): Promise<string> {
        return id
      }

      @CachePut({ manager, cache: 'rows', key: (row: { id: string }) => row.id })
      async save(row: { id: string }): Promise<string> {
        return row.id
      }

      @CacheEvict({ manager, cache: 'rows' })
      async remove(_id: string): Promise<void> {}

      @CacheEvict({ manager, tags: ['t'] })
      async tagged(): Promise<void> {}

      @Cacheable({ manager })
      async alone(id: string, since: Date, sizes: number[], ids: Set<string>, raw: Buffer): Promise<unknown> {
        return [id, since, sizes, ids, raw]
      }
    }
    keep.push(Rows)
    expect(await ready()).toEqual({ findings: [], warnings: [], shared: 'none' })
  })
})

describe('two methods that read one cache', () => {
  const reading = (one: object, other: object) => {
    class Orders {
      @Cacheable({ manager, cache: 'shared', ...one })
      async find(id: string): Promise<string> {
        return `order ${id}`
      }
    }
    class Users {
      @Cacheable({ manager, cache: 'shared', ...other })
      async load(id: string): Promise<string> {
        return `user ${id}`
      }
    }
    keep.push(Orders, Users)
  }

  test('with keys of all their parameters: ready() rejects and names both', async () => {
    reading({}, {})
    const answer = own.ready()
    await expect(answer).rejects.toMatchObject({ code: 'CW_DEFINITION_CONFLICT' })
    await expect(answer).rejects.toThrow(/Orders\.find and Users\.load both read cache 'shared'/)
    await expect(answer).rejects.toThrow(/`key`/)
  })

  test('one of which states its key', async () => {
    reading({ key: (id: string) => ['order', id] }, {})
    expect((await ready()).findings).toEqual([])
  })

  test('one of which marks its parameters', async () => {
    class Orders {
      @Cacheable({ manager, cache: 'shared' })
      async find(@CacheKey() id: string, _trace: string): Promise<string> {
        return id
      }

      @Cacheable({ manager, cache: 'shared' })
      async load(id: string): Promise<string> {
        return id
      }
    }
    keep.push(Orders)
    expect((await ready()).findings).toEqual([])
  })

  test('in one of several caches, or by their @CacheConfig', async () => {
    @CacheConfig({ cache: ['x', 'shared'], manager })
    class Orders {
      @Cacheable()
      async find(id: string): Promise<string> {
        return id
      }
    }
    class Users {
      @Cacheable({ manager, cache: ['shared', 'y'] })
      async load(id: string): Promise<string> {
        return id
      }
    }
    keep.push(Orders, Users)
    await expect(own.ready()).rejects.toThrow(/Orders\.find and Users\.load both read cache 'shared'/)
  })

  test('of two managers do not meet', async () => {
    const other = createCacheManager()
    class Orders {
      @Cacheable({ manager, cache: 'shared' })
      async find(id: string): Promise<string> {
        return id
      }

      @Cacheable({ manager: other, cache: 'shared' })
      async load(id: string): Promise<string> {
        return id
      }
    }
    keep.push(Orders)
    expect((await ready()).findings).toEqual([])
    await other.close()
  })

  test('of which one overrides the other are one', async () => {
    class Parent {
      @Cacheable({ manager, cache: 'shared' })
      async find(id: string): Promise<string> {
        return id
      }
    }
    class Child extends Parent {
      @Cacheable({ manager, cache: 'shared' })
      override async find(id: string): Promise<string> {
        return id
      }
    }
    keep.push(Parent, Child)
    expect((await ready()).findings).toEqual([])
  })

  test('that both override a third are two', async () => {
    class Parent {
      @Cacheable({ manager, cache: 'shared' })
      async find(id: string): Promise<string> {
        return id
      }
    }
    class Orders extends Parent {
      @Cacheable({ manager, cache: 'shared' })
      override async find(id: string): Promise<string> {
        return `order ${id}`
      }
    }
    class Users extends Parent {
      @Cacheable({ manager, cache: 'shared' })
      override async find(id: string): Promise<string> {
        return `user ${id}`
      }
    }
    keep.push(Parent, Orders, Users)
    await expect(own.ready()).rejects.toThrow(/Orders\.find and Users\.find both read cache 'shared'/)
  })

  test('every conflict is named', async () => {
    class Rows {
      @Cacheable({ manager, cache: ['a', 'b'] })
      async one(id: string): Promise<string> {
        return id
      }

      @Cacheable({ manager, cache: ['a', 'b'] })
      async two(id: string): Promise<string> {
        return id
      }
    }
    keep.push(Rows)
    await expect(own.ready()).rejects.toThrow(/cache 'a'[\s\S]*cache 'b'/)
  })
})

describe('an evict', () => {
  test('for a cache that nothing reads: a warning, once', async () => {
    class Rows {
      @CacheEvict({ manager, cache: 'prodcuts' })
      async remove(_id: string): Promise<void> {}
    }
    keep.push(Rows)
    const { findings, warnings } = await ready()
    expect(findings).toEqual([
      {
        severity: 'warning',
        subject: 'Rows.remove',
        message: expect.stringMatching(
          /Rows\.remove evicts from cache 'prodcuts'.*nothing|no decorated method reads/,
        ) as string,
      },
    ])
    expect(warnings).toEqual([
      { type: 'CachewrightWarning', code: 'CW_DEFINITION_CONFLICT', message: findings[0]?.message },
    ])
    expect((await ready()).warnings).toEqual([])
  })

  test('without a cache name and without tags: a warning', async () => {
    class Rows {
      @CacheEvict({ manager })
      async remove(_id: string): Promise<void> {}
    }
    keep.push(Rows)
    expect((await ready()).findings.map(({ message }) => message)).toEqual([
      expect.stringMatching(/Rows\.remove evicts from a cache of its own/),
    ])
  })

  test('two evicts of one method: each cache is named to Node too', async () => {
    class Rows {
      @CacheEvict({ manager, cache: ['one', 'two'] })
      async remove(_id: string): Promise<void> {}
    }
    keep.push(Rows)
    const { findings, warnings } = await ready()
    expect(findings).toHaveLength(2)
    expect(warnings.map(({ message }) => message)).toEqual(findings.map(({ message }) => message))
  })
})

describe('a parameter of a class the manager was not told of', () => {
  class Filter {
    word = ''
  }

  test('is a warning that names method, parameter and class', async () => {
    class Rows {
      @Cacheable({ manager })
      async find(_id: string, _filter: Filter): Promise<string> {
        return ''
      }
    }
    keep.push(Rows)
    expect((await ready()).findings.map(({ message }) => message)).toEqual([
      expect.stringMatching(/Rows\.find: parameter 2 is of class Filter.*`types`/),
    ])
  })

  test('is none where it is registered, ignored or not picked', async () => {
    await own.close()
    use(createCacheManager({ types: [Filter] }))
    class Other {
      word = ''
    }
    class Rows {
      @Cacheable({ manager })
      async registered(_id: string, _filter: Filter): Promise<string> {
        return ''
      }

      @Cacheable({ manager })
      async ignored(_id: string, @CacheIgnore() _other: Other): Promise<string> {
        return ''
      }

      @Cacheable({ manager })
      async picked(@CacheKey() _id: string, @CacheKey('word') _other: Other): Promise<string> {
        return ''
      }

      @Cacheable({ manager, key: (id: string) => id })
      async stated(_id: string, _other: Other): Promise<string> {
        return ''
      }
    }
    keep.push(Rows)
    expect((await ready()).findings).toEqual([])
  })
})

describe('which methods ready() looks at', () => {
  const reads = (): unknown => {
    class Rows {
      @Cacheable({ cache: 'unconfigured' })
      async find(id: string): Promise<string> {
        return id
      }

      @Cacheable({ cache: 'unconfigured' })
      async load(id: string): Promise<string> {
        return id
      }
    }
    return Rows
  }

  test('those that name no manager are the business of the configured one alone', async () => {
    keep.push(reads())
    expect((await ready()).findings).toEqual([])
    const configured = configureCaching()
    await expect(configured.ready()).rejects.toMatchObject({ code: 'CW_DEFINITION_CONFLICT' })
    expect((await ready()).findings).toEqual([])
    await configured.close()
  })

  test('a `manager` function that cannot be asked yet is not an error', async () => {
    class Rows {
      @Cacheable({
        manager: () => {
          throw new Error('not yet')
        },
      })
      async find(id: string): Promise<string> {
        return id
      }
    }
    keep.push(Rows)
    expect((await ready()).findings).toEqual([])
  })
})

describe('close()', () => {
  test('twice is once', async () => {
    expect(own.isClosed).toBe(false)
    const [first, second] = [own.close(), own.close()]
    expect(own.isClosed).toBe(true)
    await Promise.all([first, second, own.close()])
  })

  test('waits for a load in flight, but not for ever', async () => {
    const clock = new ManualClock()
    const patient = createCacheManager({ clock })
    const slow = gate<string>()
    const answer = patient.cache<string>('c').getOrLoad('k', () => slow.pass())
    await slow.entered
    let closed = false
    const closing = patient.close().then(() => {
      closed = true
    })
    await clock.advance(4_999)
    expect(closed).toBe(false)
    await clock.advance(1)
    await closing
    slow.open('late')
    expect(await answer).toBe('late')
    expect(clock.pending).toBe(0)
  })

  test('leaves no timer behind', async () => {
    const clock = new ManualClock()
    const manual = createCacheManager({ clock })
    await manual.cache('c').getOrLoad('k', () => 1)
    await manual.close()
    expect(clock.pending).toBe(0)
  })

  test('turns every method of a cache into one without a cache', async () => {
    const cache = own.cache<number>('c')
    await cache.put('k', 1)
    await own.close()
    expect(await cache.get('k')).toBeUndefined()
    expect(await cache.getMany(['k', 'l'])).toEqual([undefined, undefined])
    expect(await cache.getOrLoad('k', () => 2)).toBe(2)
    expect(await cache.getOrLoad('k', () => 3)).toBe(3)
    await cache.put('k', 4)
    await cache.evict('k')
    await cache.evictTags(['t'])
    await cache.clear()
    await own.clear()
    await own.evictTags(['t'])
    expect(await cache.lookup('k')).toEqual({ found: false })
  })
})
