import * as root from 'cachewright'
import * as drizzleDoor from 'cachewright/drizzle'
import * as expressDoor from 'cachewright/express'
import * as fastifyDoor from 'cachewright/fastify'
import * as knexDoor from 'cachewright/knex'
import * as nestDoor from 'cachewright/nestjs'
import * as prismaDoor from 'cachewright/prisma'
import * as redisDoor from 'cachewright/redis'
import * as testingDoor from 'cachewright/testing'
import * as typeormDoor from 'cachewright/typeorm'

// A name that appears here is a promise to users; one that disappears is a breaking change.
test('the root exports exactly its names', () => {
  expect(Object.keys(root).toSorted()).toEqual([
    'Cache',
    'CacheConfig',
    'CacheEvict',
    'CacheIgnore',
    'CacheKey',
    'CacheManager',
    'CachePut',
    'Cacheable',
    'CacheableMany',
    'Caching',
    'Memoize',
    'WriteBehind',
    'assertNoFindings',
    'cacheContext',
    'cacheError',
    'cacheErrorCodes',
    'cacheFunction',
    'cached',
    'checkOptions',
    'compilePattern',
    'configureCaching',
    'createCacheManager',
    'describeThrown',
    'detect',
    'drainWrites',
    'isCacheError',
    'isDecoratedClass',
    'literalPattern',
    'memoize',
    'milliseconds',
    'onDecoratedClass',
    'optionRules',
    'registeredType',
    'strictErrors',
    'systemClock',
    'uniqueText',
    'wallTime',
    'withoutCaching',
  ])
})

test('the door to NestJS exports exactly its names', () => {
  expect(Object.keys(nestDoor).toSorted()).toEqual([
    'CachingHealthIndicator',
    'CachingModule',
    'InjectCache',
    'InjectCaching',
    'cacheManagerFacade',
    'cacheToken',
  ])
})

test('the door to Redis exports exactly its names', () => {
  expect(Object.keys(redisDoor).toSorted()).toEqual(['redis'])
})

test.each([fastifyDoor, expressDoor])('a door to HTTP exports exactly its names', (door) => {
  expect(Object.keys(door)).toEqual(['cacheResponses'])
})

test.each(Object.entries({ drizzleDoor, knexDoor, prismaDoor, typeormDoor }))(
  '%s exports exactly its names',
  (_, door) => {
    expect(Object.keys(door)).toEqual(['cachingTransactions'])
  },
)
test('the door for tests exports exactly its names', () => {
  expect(Object.keys(testingDoor).toSorted()).toEqual([
    'ManualClock',
    'cacheMatchers',
    'codecContract',
    'feedContract',
    'flaky',
    'forgetful',
    'partitioned',
    'recordEvents',
    'settle',
    'sharedMemory',
    'sharedStoreContract',
    'slow',
    'withoutCaching',
  ])
})
