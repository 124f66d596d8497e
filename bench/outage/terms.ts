/** What the callers ask for: the same for every contender. */
export const load = { perSecond: 200, keys: 200 } as const

/** How a contender keeps what the source said; where contenders have the same option, it has the same value. */
export const terms = { ttl: '2s', ttlMs: 2_000, staleFor: '1h', softTimeout: '100ms' } as const
