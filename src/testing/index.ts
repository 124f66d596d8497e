/**
 * For tests of services that cache, and of what they are built on.
 *
 * @module
 */
export { withoutCaching } from '../index'
export { ManualClock, settle } from './manual-clock'
