/**
 * For tests of services that cache, and of what they are built on: time that stands still, a shared tier in memory and what
 * can go wrong with it, what happened, and what must hold.
 *
 * @module
 */
export { withoutCaching } from '../index'
export type { ChanceOptions } from './chance'
export { type CodecContractOptions, codecContract } from './codec-contract'
export type { ContractOptions, DeclareTest } from './contract'
export { type EventTrace, type RecordedEvent, recordEvents } from './event-trace'
export { type FeedContractOptions, feedContract } from './feed-contract'
export { flaky } from './flaky'
export { forgetful } from './forgetful'
export { ManualClock, settle } from './manual-clock'
export { type CacheMatchers, cacheMatchers, type Loading, type MatcherResult } from './matchers'
export { type PartitionOptions, partitioned } from './partitioned'
export { type SharedMemory, type SharedMemoryOptions, sharedMemory } from './shared-memory'
export { type SlowOptions, slow } from './slow'
export { sharedStoreContract } from './store-contract'
export type { Trouble } from './trouble'
