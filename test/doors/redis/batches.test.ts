import fc from 'fast-check'
import { play, story, terms } from '../../property/batch-story'
import { ManualClock } from '../../support/manual-clock'
import { redisHouse } from './processes'

// Lists over two tiers and two processes: K8, C104, C111, C112.

const house = redisHouse()

test.each([
  ['with a local tier', {}],
  ['without a local tier', { local: false }],
] as const)(
  'lists of two processes %s answer as a plain map does, and ask the source for exactly what is missing in both',
  async (_, options) => {
    let runs = 0
    await fc.assert(
      fc.asyncProperty(story, async (steps) => {
        const clock = new ManualClock()
        // Keys of its own, for each story begins with an empty cache.
        const prefix = `t${runs++}`
        const open = () => house.open({ clock, prefix, ...terms, ...options })
        const processes = [open(), open()]
        try {
          await Promise.all(processes.map((manager) => manager.ready()))
          await play(steps, clock, processes)
        } finally {
          await Promise.all(processes.map((manager) => manager.close()))
        }
      }),
      { numRuns: 40 },
    )
  },
  60_000,
)
