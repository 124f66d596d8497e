import { Cacheable, CacheEvict, type CacheManager, createCacheManager } from 'cachewright'
import { foreign } from '../dialects/foreign'

let own: CacheManager
const manager = (): CacheManager => own
beforeEach(() => {
  own = createCacheManager()
})
afterEach(() => own.close())

describe('a private method', () => {
  test('is cached', async () => {
    class Rows {
      calls = 0

      @Cacheable({ manager })
      async #find(id: string): Promise<string> {
        this.calls++
        return `row ${id}`
      }

      find(id: string): Promise<string> {
        return this.#find(id)
      }
    }
    const rows = new Rows()
    expect([await rows.find('1'), await rows.find('1')]).toEqual(['row 1', 'row 1'])
    expect(rows.calls).toBe(1)
    expect(Object.keys(own.stats().caches)).toEqual(['Rows.#find'])
  })

  test('evicts what a public one keeps, that it names', async () => {
    class Rows {
      calls = 0

      @Cacheable({ manager })
      async find(id: string): Promise<string> {
        return `row ${id} ${++this.calls}`
      }

      @CacheEvict({ of: () => [Rows, 'find'] })
      async #drop(_id: string): Promise<void> {}

      drop(id: string): Promise<void> {
        return this.#drop(id)
      }
    }
    const rows = new Rows()
    await rows.find('1')
    await rows.drop('1')
    expect(await rows.find('1')).toBe('row 1 2')
  })

  test('has nothing to do with one of its name in a subclass', async () => {
    class Parent {
      @Cacheable({ manager })
      async #find(id: string): Promise<string> {
        return `parent ${id}`
      }

      parents(id: string): Promise<string> {
        return this.#find(id)
      }
    }
    class Child extends Parent {
      @Cacheable({ manager })
      async #find(id: string): Promise<string> {
        return `child ${id}`
      }

      childs(id: string): Promise<string> {
        return this.#find(id)
      }
    }
    const [child, parent] = [new Child(), new Parent()]
    for (let round = 0; round < 2; round++) {
      expect(await child.parents('1')).toBe('parent 1')
      expect(await child.childs('1')).toBe('child 1')
      expect(await parent.parents('1')).toBe('parent 1')
    }
    expect(own.stats()).toMatchObject({ hits: 3, misses: 3 })
  })

  test('has nothing to do with a static one, nor with a public one of the same letters', async () => {
    class Rows {
      @Cacheable({ manager })
      static async #count(id: string): Promise<string> {
        return `static ${id}`
      }

      @Cacheable({ manager })
      async #find(id: string): Promise<string> {
        return `private ${id}`
      }

      @Cacheable({ manager })
      async find(id: string): Promise<string> {
        return `public ${id}`
      }

      @Cacheable({ manager })
      async '#find'(id: string): Promise<string> {
        return `text ${id}`
      }

      async all(id: string): Promise<string[]> {
        return [await Rows.#count(id), await this.#find(id), await this.find(id), await this['#find'](id)]
      }
    }
    expect(await new Rows().all('1')).toEqual(['static 1', 'private 1', 'public 1', 'text 1'])
  })

  test('with several decorators and a foreign one in between', async () => {
    const log: string[] = []
    class Rows {
      @CacheEvict({ manager, cache: 'lists', allEntries: true })
      @foreign(log)
      @Cacheable({ manager, cache: 'rows' })
      async #find(id: string): Promise<string> {
        log.push('method')
        return id
      }

      async twice(id: string): Promise<void> {
        await this.#find(id)
        await this.#find(id)
      }
    }
    await new Rows().twice('1')
    expect(log).toEqual(['foreign', 'method', 'foreign'])
    expect(own.cache('lists').stats().evictions).toBe(1)
  })
})
