import type { TypeRegistry } from '../kernel/registered-types'
import { copyPlain } from './plain-copy'
import { arrayBytes, objectBytes } from './size'
import { Tally } from './tally'
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

/**
 * The same for what `JSON.parse` made: a tree of plain objects and arrays, in which nothing stands twice and nothing has to be
 * refused, so that it need not be kept track of.
 */
export function freezeParsed(value: unknown): Snapshot {
  const tally = new Tally()
  freezeTree(value, tally)
  return { value, plain: tally.plain, bytes: tally.bytes, renewable: false }
}

function freezeTree(value: unknown, tally: Tally): void {
  if (typeof value !== 'object' || value === null) return void tally.primitive(value)
  if (Array.isArray(value)) {
    tally.bytes += arrayBytes(value.length)
    for (let at = 0; at < value.length; at++) freezeTree(value[at], tally)
  } else {
    const names = Object.keys(value)
    tally.bytes += objectBytes(names.length)
    for (let at = 0; at < names.length; at++) freezeTree((value as Record<string, unknown>)[names[at]!], tally)
  }
  Object.freeze(value)
}

/** A fresh copy of a snapshot's value that its receiver may change as it likes. */
export function copySnapshot(snapshot: Snapshot, types: TypeRegistry): unknown {
  return snapshot.plain ? copyPlain(snapshot.value) : new Walk(types, mutableCopy).root(snapshot.value)
}

/** What a reader may be given: the frozen value itself or, where freezing is impossible, a copy as frozen as it can be. */
export function handOut(snapshot: Snapshot, types: TypeRegistry): unknown {
  return snapshot.renewable ? new Walk(types, frozenCopy).root(snapshot.value) : snapshot.value
}
