import { Cacheable, type CacheManager, createCacheManager, isDecoratedClass, onDecoratedClass } from 'cachewright'

// What a container needs: to know which classes it has to look after, and to bind what it makes of them.

const open: CacheManager[] = []
const create = (): CacheManager => {
  const manager = createCacheManager()
  open.push(manager)
  return manager
}
afterEach(() => Promise.all(open.splice(0).map((manager) => manager.close())))

class Rows {
  @Cacheable({ cache: 'rows' })
  async find(id: string): Promise<string> {
    return `row ${id}`
  }
}

class Heirs extends Rows {}

class Statics {
  @Cacheable({ cache: 'statics' })
  static async find(id: string): Promise<string> {
    return id
  }
}

class Plain {
  async find(id: string): Promise<string> {
    return id
  }
}

describe('manager.adopt', () => {
  test.each([Rows, Heirs])('binds an object with decorated methods, its own or inherited: %p', async (Class) => {
    const manager = create()
    const rows = new Class()
    expect(manager.adopt(rows)).toBe(true)
    await rows.find('1')
    expect(manager.stats().loadSuccesses).toBe(1)
    expect(manager.adopt(rows)).toBe(true)
  })

  test('leaves an object alone that is bound to another manager, by itself or by its class, while that is open', async () => {
    const [first, second] = [create(), create()]
    const rows = first.bind(new Rows())
    class Own extends Rows {}
    first.bind(Own.prototype)
    const own = new Own()
    expect([second.adopt(rows), second.adopt(own)]).toEqual([false, false])
    await rows.find('1')
    await own.find('2')
    expect([first.stats().loadSuccesses, second.stats().loadSuccesses]).toEqual([2, 0])
    await first.close()
    expect([second.adopt(rows), second.adopt(own)]).toEqual([true, true])
    await rows.find('1')
    await own.find('2')
    expect(second.stats().loadSuccesses).toBe(2)
  })

  test('takes anything, looks at nothing but what it inherits, and binds nothing else', () => {
    const manager = create()
    const touchy = new Proxy(
      {},
      {
        get: () => {
          throw new Error('read')
        },
      },
    )
    const others = [
      new Plain(),
      Rows,
      Rows.prototype,
      Statics,
      {},
      Object.create(null),
      null,
      undefined,
      7,
      'text',
      () => 1,
      touchy,
    ]
    expect(others.map((other) => manager.adopt(other))).toEqual(others.map(() => false))
  })
})

test('classes are told apart by whether their objects have decorated methods', () => {
  expect([Rows, Heirs, Statics, Plain, Object].map(isDecoratedClass)).toEqual([true, true, false, false, false])
  expect(isDecoratedClass(() => 1)).toBe(false)
})

test('whoever asks is told of each class that is there, and of each that comes, where its decorators know it', () => {
  const told: Function[] = []
  onDecoratedClass((owner) => told.push(owner))
  class Later {
    @Cacheable({ cache: 'later' })
    async one(): Promise<number> {
      return 1
    }

    @Cacheable({ cache: 'later' })
    async two(): Promise<number> {
      return 2
    }
  }
  // The compiler says which dialect this is.
  const isLegacy = !Object.hasOwn(Later, Symbol.metadata)
  const mine = told.filter((owner) => [Rows, Later, Heirs, Statics, Plain].includes(owner as never))
  expect(mine).toEqual(isLegacy ? [Rows, Later] : [])
})

test('an audit lists the methods of objects that were bound, and ready() refuses what they contradict', async () => {
  const manager = create()
  class One {
    @Cacheable({ cache: 'shared' })
    async read(id: string): Promise<string> {
      return id
    }
  }
  class Two extends One {
    @Cacheable({ cache: 'shared' })
    async other(id: string): Promise<string> {
      return id
    }
  }
  manager.bind(new One())
  await manager.ready()
  expect(manager.audit().methods.map(({ method }) => method)).toEqual(['One.read'])
  manager.bind(new Two())
  expect(manager.audit().methods.map(({ method }) => method)).toEqual(['One.read', 'Two.other'])
  await expect(manager.ready()).rejects.toMatchObject({
    code: 'CW_DEFINITION_CONFLICT',
    message: expect.stringContaining("both read cache 'shared'"),
  })
  await create().ready()
})
