import { copySnapshot, freezeOwned, freezeParsed, handOut, type Snapshot, takeSnapshot } from '../codec/snapshot'
import type { TypeRegistry } from '../kernel/registered-types'

/**
 * How the local tier keeps callers apart.
 *
 * - `'freeze'`: one deep-frozen copy is kept and handed to everybody. Paid on the miss, nothing on the hit.
 * - `'copy'`: everybody gets a copy of their own to change as they like. Paid on every hit.
 * - `'share'`: the very object the method returned is kept and handed out. Nothing is paid and nothing is protected;
 *   for values that are immutable already.
 */
export type IsolationMode = 'freeze' | 'copy' | 'share'

/** What is kept of a value, and how it is handed out. */
export interface Isolation {
  readonly mode: IsolationMode
  /** @throws CW_VALUE_UNSUPPORTED for what this isolation cannot keep */
  hold(value: unknown): Held
  /**
   * The same for a value nobody else holds, which needs no copy.
   *
   * @param isParsed whether it is what `JSON.parse` made
   */
  adopt(value: unknown, isParsed: boolean): Held
  give(held: unknown): unknown
  /** The value as the codec takes it. @throws CW_VALUE_UNSUPPORTED */
  snapshot(held: unknown): Snapshot
}

/** A value as an isolation keeps it. */
export interface Held {
  readonly held: unknown
  readonly bytes: number
  /** Whether the same object may be handed out again and again, so that a settled promise of it may be kept too. */
  readonly constant: boolean
}

export function createIsolation(mode: IsolationMode, types: TypeRegistry, weigh: boolean): Isolation {
  if (mode === 'share') {
    return {
      mode,
      // Only a byte limit needs to know how large a shared object is, and only a walk can tell.
      hold: (value) => ({ held: value, bytes: weigh ? takeSnapshot(value, types).bytes : 0, constant: true }),
      adopt: (value) => ({ held: value, bytes: weigh ? takeSnapshot(value, types).bytes : 0, constant: true }),
      give: (held) => held,
      snapshot: (held) => takeSnapshot(held, types),
    }
  }
  const holding = (snapshot: Snapshot): Held => ({
    held: snapshot,
    bytes: snapshot.bytes,
    constant: mode === 'freeze' && !snapshot.renewable,
  })
  const hold = (value: unknown): Held => holding(takeSnapshot(value, types))
  const adopt = (value: unknown, isParsed: boolean): Held =>
    holding(isParsed ? freezeParsed(value) : freezeOwned(value, types))
  const snapshot = (held: unknown): Snapshot => held as Snapshot
  return mode === 'copy'
    ? { mode, hold, adopt, give: (held) => copySnapshot(held as Snapshot, types), snapshot }
    : { mode, hold, adopt, give: (held) => handOut(held as Snapshot, types), snapshot }
}
