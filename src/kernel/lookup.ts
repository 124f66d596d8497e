/** An entry was found; its value may be anything, `undefined` and `null` too. */
export interface Hit<Value> {
  readonly found: true
  readonly value: Value
}

/** No entry: a different thing from an entry that holds `undefined`. */
export interface Miss {
  readonly found: false
}

/** The answer of a lookup. */
export type Lookup<Value> = Hit<Value> | Miss

/** The one {@link Miss}. */
export const miss: Miss = Object.freeze({ found: false })
