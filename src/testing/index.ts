/**
 * For tests of services that cache, and of what they are built on.
 *
 * @module
 */
export { withoutCaching } from '../index'
export type { ContractOptions, DeclareTest } from './contract'
export { type FeedContractOptions, feedContract } from './feed-contract'
export { ManualClock, settle } from './manual-clock'
export { type SharedMemory, type SharedMemoryOptions, sharedMemory } from './shared-memory'
export { sharedStoreContract } from './store-contract'
