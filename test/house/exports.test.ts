import * as root from 'cachewright'
import * as redisDoor from 'cachewright/redis'
import * as testingDoor from 'cachewright/testing'

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
    'literalPattern',
    'memoize',
    'milliseconds',
    'registeredType',
    'rules',
    'strictErrors',
    'systemClock',
    'uniqueText',
    'wallTime',
    'withoutCaching',
  ])
})

test('the door to Redis exports exactly its names', () => {
  expect(Object.keys(redisDoor).toSorted()).toEqual(['redis'])
})

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
