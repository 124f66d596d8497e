import { cacheError, type SharedStoreFactory } from '../index'
import { type ChanceOptions, chance } from './chance'
import { type Trouble, troubled } from './trouble'

/**
 * A shared tier some of whose commands fail: half of those before they arrive, and half when they have been done, so that
 * only the answer is lost. The feed goes on.
 *
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN
 *
 * @example
 * ```ts
 * const shared = flaky(sharedMemory(), { share: 0.2, seed: 7 })
 * shared.begin()
 * ```
 */
export function flaky(factory: SharedStoreFactory, options: ChanceOptions = {}): Trouble {
  const fails = chance('flaky()', options)
  const isBefore = chance('flaky()', { seed: (options.seed ?? 1) + 1 })
  const failure = (when: string): Error =>
    cacheError('CW_SHARED_UNAVAILABLE', `The connection to ${factory.name} was lost ${when} (flaky).`)
  return troubled(factory, {
    name: 'flaky',
    passage: ({ trouble }) => ({
      async pass(command) {
        if (!trouble.isOn || !fails()) return command()
        if (isBefore()) throw failure('before the command was sent')
        await command()
        throw failure('before the answer came')
      },
      watch: (watch) => watch,
      changed: () => {},
    }),
  })
}
