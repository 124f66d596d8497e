import { createHash } from 'node:crypto'

/** A Lua script with the digest by which the server knows it. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

export function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}
