import { type CacheManager, type CachingOptions, createCacheManager } from 'cachewright'
import { ManualClock } from 'cachewright/testing'
import { type App, frameworks, type Handler, type Options } from './apps'

/** A manager, a clock and applications for one test each. */
export interface HttpHouse {
  readonly clock: ManualClock
  readonly manager: CacheManager
  /** An application; closed after the test. */
  start(handler: Handler, options?: Options, manager?: CacheManager): Promise<App>
  /** Closed after the test. */
  track(app: App): App
}

type Framework = (typeof frameworks)[number][1]

/** Sets it up with the hooks of the test runner. */
export function httpHouse(startWith: Framework = frameworks[1]![1], options: CachingOptions = {}): HttpHouse {
  let clock: ManualClock
  let manager: CacheManager
  const apps: App[] = []
  beforeEach(() => {
    clock = new ManualClock()
    manager = createCacheManager({ clock, ...options })
  })
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()))
    await manager.close()
  })
  const track = (app: App): App => {
    apps.push(app)
    return app
  }
  return {
    get clock() {
      return clock
    },
    get manager() {
      return manager
    },
    track,
    start: async (handler, its, by = manager) => track(await startWith(handler, by.cache('responses'), its)),
  }
}
