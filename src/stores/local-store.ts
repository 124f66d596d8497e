import type { Entry } from '../kernel/entry'

/** Port: where the local tier keeps its entries. One store belongs to one cache; it is never asked about time. */
export interface LocalStore {
  /** The entry, counted as used. */
  get(key: string): Entry | undefined
  /** Keeps the entry; false if it alone is larger than the store. */
  set(key: string, entry: Entry): boolean
  delete(key: string): boolean
  clear(): void
  keys(): Iterable<string>
  readonly size: number
  /** Estimated bytes of all entries; 0 where no byte limit is set. */
  readonly bytes: number
}
