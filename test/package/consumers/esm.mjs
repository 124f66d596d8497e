import { createRequire } from 'node:module'
// By name: that Node finds the names of a CommonJS package is what can break.
import {
  Cacheable,
  CacheConfig,
  CacheEvict,
  CacheKey,
  CachePut,
  Caching,
  configureCaching,
  isCacheError,
} from 'cachewright'
import { redis } from 'cachewright/redis'
import { story } from './program.cjs'

const required = createRequire(import.meta.url)('cachewright')
const imported = { CacheConfig, Cacheable, CacheEvict, CacheKey, CachePut, Caching, configureCaching, isCacheError }
const sameCopy = Object.entries(imported).every(
  ([name, value]) => typeof value === 'function' && required[name] === value,
)
const told = await story(imported, { redis })
console.log(JSON.stringify({ sameCopy, ...told }))
