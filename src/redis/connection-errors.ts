import { type CacheError, cacheError, describeThrown } from '../index'

/** That a server has stopped answering in time. */
export function silentError(server: string, commandTimeoutMs: number): CacheError {
  return cacheError(
    'CW_SHARED_UNAVAILABLE',
    `${server} has stopped answering within ${commandTimeoutMs} ms. Calls are answered without it until it does again; see \`commandTimeout\`.`,
  )
}

/** That a server is of no use. @param unfit why, as `unfitness` tells */
export function unfitError(server: string, unfit: string): CacheError {
  return cacheError('CW_SHARED_REFUSED', `${server} is ${unfit}. Calls are answered without it.`)
}

/** That there is no connection, for which the last error tells the reason. */
export function awayError(server: string, lastError: unknown): CacheError {
  const reason = lastError === undefined ? '' : ` (${describeThrown(lastError)})`
  return cacheError(
    'CW_SHARED_UNAVAILABLE',
    `${server} cannot be reached${reason}. Calls are answered without it until it can. ${remedyFor(lastError)}`.trim(),
    lastError,
  )
}

/** What became of a command that was sent. @param name what the server is */
export function commandError(name: string, error: unknown): CacheError {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof Error && error.name === 'ReplyError') {
    const remedy = remedyFor(error) || 'Look at the server for the cause.'
    return cacheError('CW_SHARED_REFUSED', `${name} refused a command: ${message.replace(/\.$/, '')}. ${remedy}`, error)
  }
  return cacheError('CW_SHARED_UNAVAILABLE', `${name} lost the connection: ${message}.`, error)
}

/** What to do about an error reply, where that can be said; else ''. */
export function remedyFor(error: unknown): string {
  const message = error instanceof Error ? error.message : ''
  return remedies.find(([start]) => message.startsWith(start))?.[1] ?? ''
}

const remedies: readonly (readonly [string, string])[] = [
  [
    'WRONGTYPE',
    'Another program keeps something else at this key: delete it, or give the manager a `prefix` of its own.',
  ],
  ['OOM', 'The server is full: raise `maxmemory`, or set a `maxmemory-policy` that lets entries go.'],
  ['READONLY', 'This is a replica: point the cache at the primary.'],
  ['NOPERM', 'The user lacks a permission: see "Redis permissions" in the documentation.'],
  ['NOAUTH', 'The server wants a password: give `username` and `password`, or put them in the URL.'],
  ['WRONGPASS', 'The password is wrong.'],
]
