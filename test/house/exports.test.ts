import * as root from 'cachewright'
import * as redisDoor from 'cachewright/redis'

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
    'strictErrors',
    'systemClock',
    'uniqueText',
    'wallTime',
  ])
})

test('the door to Redis exports exactly its names', () => {
  expect(Object.keys(redisDoor).toSorted()).toEqual(['redis'])
})
