import type { Product, Source } from './source'

/** What stands between the callers and the source. */
export interface Contender {
  ask(key: string): Promise<Product>
  /** How many times Redis has answered it so far; undefined where it asks none. */
  answersOfRedis(): number | undefined
  close(): Promise<void>
}

/** Makes one over a Redis at this port of the machine. */
export type MakeContender = (port: number, source: Source) => Promise<Contender>

/** In the order in which they are shown. */
export const contenderNames = ['no cache', 'bentocache', 'bentocache, tuned', 'cachewright'] as const

export type ContenderName = (typeof contenderNames)[number]

// Each process loads only the one it runs.
const makers: Readonly<Record<ContenderName, () => Promise<MakeContender>>> = {
  'no cache': async () => (await import('./no-cache.js')).noCache,
  bentocache: async () => (await import('./bento.js')).bentoAsAdvised,
  'bentocache, tuned': async () => (await import('./bento.js')).bentoTuned,
  cachewright: async () => (await import('./own.js')).own,
}

export async function makeContender(name: ContenderName, port: number, source: Source): Promise<Contender> {
  const make = await makers[name]()
  return make(port, source)
}
