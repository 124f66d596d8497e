import type { MakeContender } from './contender'

/** Every call goes to the source. */
export const noCache: MakeContender = async (_, source) => ({
  ask: (key) => source.load(key),
  answersOfRedis: () => undefined,
  close: async () => {},
})
