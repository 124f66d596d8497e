import { Cacheable, CacheEvict, type CacheManager, createCacheManager } from 'cachewright'
import { warningsDuring } from '../support/warnings'

let manager: CacheManager
beforeEach(() => {
  manager = createCacheManager()
})
afterEach(() => manager.close())

// What ready() looks through is held weakly, so the classes are kept for as long as their test.
const keep: unknown[] = []
beforeEach(() => void keep.splice(0))

test('two methods that read one cache with keys of all their parameters: ready() names both, with their classes', async () => {
  class Orders {
    @Cacheable({ manager, cache: 'shared' })
    async find(id: string): Promise<string> {
      return id
    }
  }
  class Users {
    @Cacheable({ manager, cache: 'shared' })
    async find(id: string): Promise<string> {
      return id
    }
  }
  // A standard decorator does not know its class; the first instance tells.
  keep.push(new Orders(), new Users())
  const answer = manager.ready()
  await expect(answer).rejects.toMatchObject({ code: 'CW_DEFINITION_CONFLICT' })
  await expect(answer).rejects.toThrow(/Orders\.find and Users\.find both read cache 'shared'/)
})

test('a method that overrides another of the same cache is one with it', async () => {
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
  keep.push(Parent, new Child())
  expect((await manager.ready()).warnings).toEqual([])
})

test('an evict for a cache that nothing reads is a warning', async () => {
  class Rows {
    @CacheEvict({ manager, cache: 'prodcuts' })
    async remove(_id: string): Promise<void> {}
  }
  keep.push(Rows)
  const warnings = await warningsDuring(() => manager.ready())
  expect(warnings).toMatchObject([
    { code: 'CW_DEFINITION_CONFLICT', message: expect.stringMatching(/remove.*'prodcuts'/) as string },
  ])
})

test('messages of a call name the class, once an object has been seen', async () => {
  class Rows {
    @Cacheable({ manager })
    async find(_id: string, _use: unknown): Promise<string> {
      return ''
    }
  }
  await expect(new Rows().find('1', () => {})).rejects.toThrow(/Rows\.find: parameter 2 cannot be part of a cache key/)
})
