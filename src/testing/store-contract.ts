import { type ContractOptions, checkContract, declare } from './contract'
import { entries } from './entry-demands'
import { leases } from './lease-demands'
import { markers } from './marker-demands'
import { versions, writes } from './write-demands'

/**
 * Declares the tests that every {@link SharedStore} has to pass: entries, leases, writes that overlap, versions, markers. What
 * a store that also tells of changes owes is {@link feedContract}.
 *
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN
 *
 * @example
 * ```ts
 * describe('my store', () => sharedStoreContract({ test, store: () => myStore({ url }) }))
 * ```
 */
export function sharedStoreContract(options: ContractOptions): void {
  checkContract('sharedStoreContract()', options)
  declare(options, { ...entries, ...leases, ...writes, ...versions, ...markers })
}
