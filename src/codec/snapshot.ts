import type { TypeRegistry } from '../kernel/registered-types'
import { copyPlain } from './plain-copy'
import { Walk } from './walk'
import { frozenCopy, frozenInPlace, mutableCopy, type WalkPlan } from './walk-plan'

/** A value as the cache keeps it: nobody outside can change it. */
export interface Snapshot {
  /** Deep-frozen and shared with nobody who could change it; hand out {@link handOut} of it, not this, when it is renewable. */
  readonly value: unknown
  /** Whether JSON brings the value back exactly, identities included. */
  readonly plain: boolean
  /** Estimated heap bytes. */
  readonly bytes: number
  /** Whether it holds something that cannot be frozen (binary data, URL, stateful RegExp), so that each reader needs a copy. */
  readonly renewable: boolean
}

function snapshotBy(plan: WalkPlan, value: unknown, types: TypeRegistry): Snapshot {
  const walk = new Walk(types, plan)
  const result = walk.root(value)
  const { plain, bytes, renewable } = walk.tally
  return { value: result, plain, bytes, renewable }
}

/** A deep-frozen copy of a value; throws `CW_VALUE_UNSUPPORTED` if there is something in it that cannot be carried. */
export function takeSnapshot(value: unknown, types: TypeRegistry): Snapshot {
  return snapshotBy(frozenCopy, value, types)
}

/** Freezes in place a value that nobody else holds, such as one just decoded. */
export function freezeOwned(value: unknown, types: TypeRegistry): Snapshot {
  return snapshotBy(frozenInPlace, value, types)
}

/** A fresh copy of a snapshot's value that its receiver may change as it likes. */
export function copySnapshot(snapshot: Snapshot, types: TypeRegistry): unknown {
  return snapshot.plain ? copyPlain(snapshot.value) : new Walk(types, mutableCopy).root(snapshot.value)
}

/** What a reader may be given: the frozen value itself or, where freezing is impossible, a copy as frozen as it can be. */
export function handOut(snapshot: Snapshot, types: TypeRegistry): unknown {
  return snapshot.renewable ? new Walk(types, frozenCopy).root(snapshot.value) : snapshot.value
}
