import {
  Cacheable,
  CacheConfig,
  CacheEvict,
  type CacheManager,
  CachePut,
  configureCaching,
  createCacheManager,
} from 'cachewright'
import { gate } from '../support/gate'
import { warningsDuring } from '../support/warnings'

const open: CacheManager[] = []
const create = (): CacheManager => {
  const manager = createCacheManager()
  open.push(manager)
  return manager
}
afterEach(() => Promise.all(open.splice(0).map((manager) => manager.close())))

const namesOf = (manager: CacheManager): string[] => Object.keys(manager.stats().caches)

class Rows {
  calls = 0

  @Cacheable()
  async find(id: string): Promise<string> {
    this.calls++
    return `row ${id}`
  }

  @Cacheable()
  static async count(): Promise<number> {
    return 1
  }
}

describe('a call before there is a manager', () => {
  // This file configures none before this test; those below that do, come after it.
  test('is rejected, not thrown, and says which line to add', async () => {
    const answer = new Rows().find('1')
    await expect(answer).rejects.toMatchObject({ code: 'CW_NOT_CONFIGURED' })
    await expect(answer).rejects.toThrow(/configureCaching\(\)/)
    await expect(answer).rejects.toThrow("import { configureCaching } from 'cachewright'")
    await expect(answer).rejects.toThrow(/find/)
  })
})

describe('manager.bind', () => {
  test('binds one instance', async () => {
    const [a, b] = [create(), create()]
    const [one, other] = [a.bind(new Rows()), b.bind(new Rows())]
    for (let round = 0; round < 2; round++) await Promise.all([one.find('1'), other.find('1')])
    expect([one.calls, other.calls]).toEqual([1, 1])
    expect([a.stats().hits, b.stats().hits]).toEqual([1, 1])
  })

  test('returns the very object, shows nothing on it, and the last one wins', async () => {
    const [a, b] = [create(), create()]
    const rows = new Rows()
    expect(a.bind(rows)).toBe(rows)
    expect(Object.keys(rows)).toEqual(['calls'])
    expect(JSON.stringify(rows)).toBe('{"calls":0}')
    b.bind(rows)
    await rows.find('1')
    expect([namesOf(a), namesOf(b)]).toEqual([[], ['Rows.find']])
  })

  test('binds all instances by their prototype, and one of them nearer', async () => {
    class Own {
      @Cacheable()
      async find(id: string): Promise<string> {
        return id
      }
    }
    const [all, one] = [create(), create()]
    all.bind(Own.prototype)
    const single = one.bind(new Own())
    await new Own().find('1')
    await single.find('1')
    expect([all.stats().misses, one.stats().misses]).toEqual([1, 1])
  })

  test('binds static methods by the class, those of subclasses too', async () => {
    class Own {
      @Cacheable()
      static async count(): Promise<string> {
        // biome-ignore lint/complexity/noThisInStatic: the class it is called on is what is tested
        return this.name
      }
    }
    class Heir extends Own {}
    const manager = create()
    manager.bind(Own)
    expect([await Own.count(), await Heir.count()]).toEqual(['Own', 'Heir'])
    expect(namesOf(manager)).toEqual(['Own.count', 'Heir.count'])
  })

  test('goes before the `manager` option, and takes effect after calls already made', async () => {
    const [option, bound] = [create(), create()]
    class Own {
      @Cacheable({ manager: () => option })
      async find(id: string): Promise<string> {
        return id
      }
    }
    const own = new Own()
    await own.find('1')
    bound.bind(own)
    await own.find('1')
    expect([option.stats().misses, bound.stats().misses]).toEqual([1, 1])
  })

  test('reaches `super` methods and every operation of a method', async () => {
    class Parent {
      @Cacheable()
      async find(id: string): Promise<string> {
        return id
      }
    }
    class Child extends Parent {
      @CacheEvict({ cache: 'lists', allEntries: true })
      override async find(id: string): Promise<string> {
        return super.find(id)
      }
    }
    const manager = create()
    await manager.bind(new Child()).find('1')
    expect(namesOf(manager).toSorted()).toEqual(['Child(Parent).find', 'lists'])
  })
})

describe('option `manager`', () => {
  test('takes a manager', async () => {
    const manager = create()
    class Own {
      @Cacheable({ manager })
      async find(id: string): Promise<string> {
        return id
      }
    }
    await new Own().find('1')
    expect(manager.stats().misses).toBe(1)
  })

  test('takes a function, asked at each call', async () => {
    const [a, b] = [create(), create()]
    let now = a
    class Own {
      @Cacheable({ manager: () => now })
      async find(id: string): Promise<string> {
        return id
      }
    }
    const own = new Own()
    await own.find('1')
    now = b
    await own.find('1')
    now = a
    await own.find('1')
    expect([a.stats(), b.stats()]).toMatchObject([
      { hits: 1, misses: 1 },
      { hits: 0, misses: 1 },
    ])
  })

  test('may differ between the operations of one method', async () => {
    const [a, b] = [create(), create()]
    class Own {
      @CachePut({ cache: 'c', manager: a })
      @CachePut({ cache: 'c', manager: () => b })
      async save(id: string): Promise<string> {
        return `row ${id}`
      }
    }
    await new Own().save('1')
    expect(await Promise.all([a, b].map((its) => its.cache('c').get('1')))).toEqual(['row 1', 'row 1'])
  })

  test.each<[string, unknown]>([
    ['an object that is none', {}],
    ['a function that returns nothing', () => undefined],
    ['a function that returns null', () => null],
    ['a function that returns a number', () => 5],
  ])('refuses at the call %s', async (_what, manager) => {
    class Own {
      @Cacheable({ manager: manager as CacheManager })
      async find(id: string): Promise<string> {
        return id
      }
    }
    await expect(new Own().find('1')).rejects.toMatchObject({
      code: 'CW_OPTION_INVALID',
      message: expect.stringMatching(/@Cacheable of .*find.*`manager`.*cache manager/) as string,
    })
  })

  test('of the class holds for methods that have none', async () => {
    const [its, other] = [create(), create()]
    @CacheConfig({ manager: () => its })
    class Own {
      @Cacheable()
      async find(id: string): Promise<string> {
        return id
      }

      @Cacheable({ manager: other })
      async load(id: string): Promise<string> {
        return id
      }
    }
    const own = new Own()
    await own.find('1')
    await own.load('1')
    expect([namesOf(its), namesOf(other)]).toEqual([['Own.find'], ['Own.load']])
  })
})

describe('@CacheConfig', () => {
  test('is field by field: what a method says itself goes before it', async () => {
    const manager = create()
    let now = 0
    const timed = createCacheManager({ clock: { now: () => now } })
    open.push(timed)
    @CacheConfig({ cache: 'config', ttl: '10s', manager: timed })
    class Own {
      @Cacheable({ ttl: '20s' })
      async longer(id: string): Promise<string> {
        return id
      }

      @Cacheable({ cache: 'method' })
      async elsewhere(id: string): Promise<string> {
        return id
      }

      @Cacheable({ manager, key: () => 'k' })
      async otherwise(): Promise<string> {
        return 'o'
      }
    }
    const own = new Own()
    const call = () => Promise.all([own.longer('1'), own.elsewhere('1'), own.otherwise()])
    await call()
    now = 15_000
    await call()
    expect(timed.stats().caches).toMatchObject({ config: { hits: 1, misses: 1 }, method: { hits: 0, misses: 2 } })
    expect(namesOf(manager)).toEqual(['config'])
  })

  test('is inherited, and the nearest class that has one wins as a whole', async () => {
    const manager = create()
    @CacheConfig({ cache: 'parents', manager })
    class Parent {
      @Cacheable()
      async find(id: string): Promise<string> {
        return id
      }
    }
    class Plain extends Parent {}
    @CacheConfig({ cache: 'heirs', manager })
    class Heir extends Parent {}
    class Grandchild extends Heir {}
    await new Parent().find('1')
    await new Plain().find('2')
    await new Heir().find('3')
    await new Grandchild().find('4')
    expect(manager.stats().caches).toMatchObject({ parents: { misses: 2 }, heirs: { misses: 2 } })
  })

  test('of a subclass does not reach its parent or its sister', async () => {
    const manager = create()
    class Parent {
      @Cacheable({ manager })
      async find(id: string): Promise<string> {
        return id
      }
    }
    @CacheConfig({ cache: 'heirs' })
    class Heir extends Parent {}
    class Sister extends Parent {}
    await new Heir().find('1')
    await new Parent().find('1')
    await new Sister().find('1')
    expect(namesOf(manager)).toEqual(['heirs', 'Parent.find', 'Sister.find'])
  })

  test('holds for static methods', async () => {
    const manager = create()
    @CacheConfig({ cache: 'config', manager })
    class Own {
      @Cacheable()
      static async find(id: string): Promise<string> {
        return id
      }
    }
    await Own.find('1')
    expect(namesOf(manager)).toEqual(['config'])
  })

  test('may name several caches', async () => {
    const manager = create()
    @CacheConfig({ cache: ['a', 'b'], manager })
    class Own {
      @Cacheable()
      async find(id: string): Promise<string> {
        return id
      }
    }
    await new Own().find('1')
    expect(await Promise.all(['a', 'b'].map((name) => manager.cache(name).get('1')))).toEqual(['1', '1'])
  })
})

describe('calls after close()', () => {
  test('go to the method, and nothing is kept or counted', async () => {
    const manager = create()
    const rows = manager.bind(new Rows())
    await rows.find('1')
    await manager.close()
    const before = manager.stats()
    expect([await rows.find('1'), await rows.find('1')]).toEqual(['row 1', 'row 1'])
    expect(rows.calls).toBe(3)
    expect(manager.stats()).toEqual(before)
  })

  test('of puts and evicts too, and conditions and keys are not asked', async () => {
    const manager = create()
    const asked = jest.fn(() => 'k')
    class Own {
      @CachePut({ manager, cache: 'c', key: asked })
      @CacheEvict({ manager, cache: 'd', key: asked, before: true })
      async save(id: string): Promise<string> {
        return id
      }
    }
    await manager.close()
    expect(await new Own().save('1')).toBe('1')
    expect(asked).not.toHaveBeenCalled()
  })

  test('of arguments that cannot be a key go to the method as well', async () => {
    const manager = create()
    class Own {
      @Cacheable({ manager })
      async run(work: unknown): Promise<string> {
        return typeof work
      }
    }
    await manager.close()
    expect(await new Own().run(() => 'done')).toBe('function')
  })

  test('made before it are finished: close() waits for a load in flight', async () => {
    const manager = create()
    const slow = gate<string>()
    class Own {
      @Cacheable({ manager })
      async find(_id: string): Promise<string> {
        return slow.pass()
      }
    }
    const answer = new Own().find('1')
    await slow.entered
    const states: string[] = []
    const closed = manager.close().then(() => states.push('closed'))
    await new Promise(setImmediate)
    expect(states).toEqual([])
    slow.open('row')
    expect(await answer).toBe('row')
    await closed
    expect(states).toEqual(['closed'])
  })
})

describe('configureCaching', () => {
  test('serves methods that name no manager; again while one is open warns, and the new one serves', async () => {
    const first = configureCaching()
    open.push(first)
    const rows = new Rows()
    await rows.find('1')
    let second: CacheManager | undefined
    const warnings = await warningsDuring(() => {
      second = configureCaching()
    })
    open.push(second as CacheManager)
    expect(warnings).toEqual([
      {
        type: 'CachewrightWarning',
        code: 'CW_OPTIONS_CONTRADICT',
        message: expect.stringMatching(/again.*createCacheManager/) as string,
      },
    ])
    await rows.find('1')
    expect(rows.calls).toBe(2)
    expect([first.stats().misses, second?.stats().misses]).toEqual([1, 1])
  })

  test('again after close() does not warn', async () => {
    await configureCaching().close()
    await configureCaching().close()
  })

  test('serves static methods', async () => {
    const manager = configureCaching()
    open.push(manager)
    expect([await Rows.count(), await Rows.count()]).toEqual([1, 1])
    expect(manager.stats().hits).toBe(1)
  })

  test('by a copy of the package that speaks another protocol is an error that says so', async () => {
    const slot = Symbol.for('cachewright.configured')
    const anchor = globalThis as unknown as Record<symbol, unknown>
    const former = anchor[slot]
    anchor[slot] = { protocol: 99, manager: {} }
    try {
      await expect(new Rows().find('1')).rejects.toMatchObject({
        code: 'CW_VERSION_MISMATCH',
        message: expect.stringMatching(/find.*two versions.*npm ls cachewright/) as string,
      })
    } finally {
      anchor[slot] = former
    }
  })

  test('a binding by such a copy is the same error', async () => {
    const rows = new Rows()
    Object.defineProperty(rows, Symbol.for('cachewright.manager'), { value: { protocol: 99, manager: {} } })
    await expect(rows.find('1')).rejects.toMatchObject({ code: 'CW_VERSION_MISMATCH' })
  })
})
