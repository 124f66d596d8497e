import { createCacheManager } from 'cachewright'
import { ManualClock } from 'cachewright/testing'
import fc from 'fast-check'
import { play, story, terms } from './batch-story'

// Lists: K8, C104, C111, C112.

test('lists answer as a plain map does, and ask the source for exactly what is missing', async () => {
  await fc.assert(
    fc.asyncProperty(story, async (steps) => {
      const clock = new ManualClock()
      const manager = createCacheManager({ clock, ...terms })
      try {
        await play(steps, clock, [manager])
      } finally {
        await manager.close()
      }
    }),
    { numRuns: 400 },
  )
}, 60_000)
