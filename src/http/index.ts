/**
 * Caching of HTTP responses, whatever the framework: what the doors for Fastify, Express and others share. It knows Node's
 * requests and responses, and a cache.
 *
 * @module
 */
export type { Exchange } from './exchange'
export { defineResponseCache, type ResponseCacheOptions, type TaggedResponse } from './options'
export { isSafe } from './request-rules'
export { ResponseCache } from './response-cache'
