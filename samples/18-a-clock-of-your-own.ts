import { Cacheable, type Clock, createCacheManager } from 'cachewright'

class Session {
  @Cacheable({ cache: 'sessions', ttl: '30m' })
  async user(token: string): Promise<string> {
    console.log(`  checking ${token}`)
    return `user of ${token}`
  }
}

/** Time is a parameter: a test of your service moves it, and nobody waits. */
export async function main(): Promise<void> {
  let now = 0
  const clock: Clock = { now: () => now }
  const caching = createCacheManager({ clock })
  const session = caching.bind(new Session())
  caching.on('removal', ({ key, cause }) => console.log(`  ${key} ${cause}`))

  for (const minute of [0, 29, 30, 59]) {
    now = minute * 60_000
    console.log(`minute ${minute}:`, await session.user('abc'))
  }

  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

  checking abc
minute 0: user of abc
minute 29: user of abc
  abc expired
  checking abc
minute 30: user of abc
minute 59: user of abc
*/
