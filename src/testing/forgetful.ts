import type { SharedStoreFactory } from '../index'
import { type ChanceOptions, chance } from './chance'
import { type Trouble, troubled } from './trouble'

/**
 * A shared tier that forgets what it is asked for, as one does whose memory is short: some of the keys that a command is
 * about are gone when it comes, values, leases and markers alike. Whoever has read them is told.
 *
 * @throws CW_OPTION_INVALID, CW_OPTION_UNKNOWN
 */
export function forgetful(factory: SharedStoreFactory, options: ChanceOptions = {}): Trouble {
  const forgets = chance('forgetful()', options)
  return troubled(factory, {
    name: 'forgetful',
    passage: ({ store, trouble }) => ({
      async pass(command, keys) {
        const lost = trouble.isOn ? keys.filter(() => forgets()) : []
        // As nobody's write of now: what is forgotten was not evicted.
        if (lost.length > 0) await store.delete(lost, 'journal')
        return command()
      },
      watch: (watch) => watch,
      changed: () => {},
    }),
  })
}
