import type { Redis } from 'ioredis'
import type { Script } from './script'

/** A client with a command that ioredis has and its types leave out. */
export interface Client extends Redis {
  evalshaBuffer(sha: string, keyCount: number, ...keysAndArgs: (string | Buffer)[]): Promise<unknown>
}

/** Runs a script, within `run` of a connection, which sees to it that the server has it. */
export function evaluate(
  client: Client,
  script: Script,
  keys: readonly string[],
  args: readonly (string | Buffer)[],
): Promise<unknown> {
  return client.evalshaBuffer(script.sha, keys.length, ...keys, ...args)
}
