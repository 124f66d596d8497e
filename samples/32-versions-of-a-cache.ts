import { Cacheable, type CacheManager, createCacheManager } from 'cachewright'
import { redis } from 'cachewright/redis'

interface OldUser {
  readonly name: string
}
interface User {
  readonly name: { readonly first: string; readonly last: string }
}

class OldUsers {
  @Cacheable({ cache: 'users', tags: ['users'] })
  async find(_id: number): Promise<OldUser> {
    console.log('  the old process queries')
    return { name: 'Ada Lovelace' }
  }
}

class Users {
  @Cacheable({ cache: 'users', tags: ['users'] })
  async find(_id: number): Promise<User> {
    console.log('  the new process queries')
    return { name: { first: 'Ada', last: 'Lovelace' } }
  }
}

/** `version` says which shape the values of a cache have: a number to count up, or the hash of a schema. */
function start(version: number): CacheManager {
  return createCacheManager({
    prefix: 'sample-32',
    shared: redis({ url: process.env.REDIS_URL }),
    caches: { users: { version, ttl: '1h' } },
  })
}

export async function main(): Promise<void> {
  const [before, after] = [start(2), start(3)]
  await Promise.all([before.ready(), after.ready()])
  await before.clear() // of what an earlier run left
  const [oldUsers, users] = [before.bind(new OldUsers()), after.bind(new Users())]

  // While a deploy goes on, processes of both versions run, and neither reads what the other one keeps.
  console.log((await oldUsers.find(1)).name)
  console.log((await users.find(1)).name.last)
  console.log((await oldUsers.find(1)).name, '|', (await users.find(1)).name.last)

  // Tags and clear() reach both.
  await after.evictTags(['users'])
  console.log((await users.find(1)).name.first)

  await Promise.all([before.close(), after.close()])
}

if (require.main === module) void main()

/*
Expected output:

  the old process queries
Ada Lovelace
  the new process queries
Lovelace
Ada Lovelace | Lovelace
  the new process queries
Ada
*/
