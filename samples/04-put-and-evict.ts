import { Cacheable, CacheConfig, CacheEvict, CachePut, configureCaching } from 'cachewright'

interface User {
  readonly id: number
  readonly name: string
}

/** Reads and writes that name one cache keep each other right; `@CacheConfig` names it once. */
@CacheConfig({ cache: 'users' })
class Users {
  readonly #rows = new Map<number, User>()

  @Cacheable()
  async find(id: number): Promise<User | undefined> {
    console.log(`  select ${id}`)
    return this.#rows.get(id)
  }

  @CachePut({ resultKey: (user: User) => user.id })
  async create(name: string): Promise<User> {
    const user = { id: this.#rows.size + 1, name }
    console.log(`  insert ${user.id}`)
    this.#rows.set(user.id, user)
    return user
  }

  @CacheEvict()
  async remove(id: number): Promise<void> {
    console.log(`  delete ${id}`)
    this.#rows.delete(id)
  }
}

export async function main(): Promise<void> {
  const caching = configureCaching()
  const users = new Users()

  const { id } = await users.create('Ada')
  console.log('after create:', await users.find(id)) // put under the id that the method assigned: no select
  await users.remove(id)
  console.log('after remove:', await users.find(id))
  console.log('and again:', await users.find(id)) // "there is none" is an answer too, and kept

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

  insert 1
after create: { id: 1, name: 'Ada' }
  delete 1
  select 1
after remove: undefined
and again: undefined
*/
