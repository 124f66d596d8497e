import type { MemoTable } from '../../src/memo/memo-table'
import { memosOf } from '../../src/memo/memos'

type Holder = { readonly [memosOf]?: { of(self: unknown): MemoTable | undefined } }

/** The memo of a method or getter for this object (or class), as what is in its place keeps it. */
export function memoOf(self: object, name: PropertyKey): MemoTable {
  for (let home: object | null = self; home !== null; home = Object.getPrototypeOf(home) as object | null) {
    const { value, get } = Object.getOwnPropertyDescriptor(home, name) ?? {}
    const memo = ((get ?? value) as Holder | undefined)?.[memosOf]?.of(self)
    if (memo !== undefined) return memo
  }
  throw new Error(`${String(name)} is not memoised`)
}
