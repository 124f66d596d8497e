import { MemoDefinition } from '../../../src/memo/memo-definition'
import { memoize } from '../../../src/memo/memoize'
import { type MemoScope, Memos } from '../../../src/memo/memos'

/*
 * Run with --expose-gc by ./collection.test.ts: how many instances are collected although their results are not
 * evicted. Without a memo's WeakMap none would be.
 */

const instances = 1_000

class Row {
  readonly id: number
  constructor(id: number) {
    this.id = id
  }
}

async function collected(scope: MemoScope, result: (row: Row) => unknown): Promise<number> {
  const find = function (this: Row): unknown {
    return result(this)
  }
  const subject = { where: 'Row.find', marks: { keys: [], ignored: [] } }
  const memos = new Memos(new MemoDefinition(subject, find, {}, '@Memoize of Row.find'), scope)
  const alive: WeakRef<Row>[] = []
  const kept = new Row(-1)
  for (let id = 0; id < instances; id++) {
    const row = new Row(id)
    memos.of(row)!.call(row, [id])
    alive.push(new WeakRef(row))
  }
  memos.of(kept)!.call(kept, [])
  // What a WeakRef was asked for, or made of, stays until the turn is over.
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    globalThis.gc!()
  }
  const size = memos.of(kept)!.info().size
  if (size !== (scope === 'instance' ? 1 : 1_000)) throw new Error(`${size} results of the one that is still there`)
  return alive.filter((row) => row.deref() === undefined).length
}

async function main(): Promise<void> {
  const report = {
    plain: await collected('instance', (row) => row.id),
    // A result may refer to its instance; that keeps nobody.
    selfish: await collected('instance', (row) => ({ row })),
    shared: await collected('shared', (row) => row.id),
    // That does keep them: the class has the results.
    sharedSelfish: await collected('shared', (row) => ({ row })),
    // A function that is gone takes its results with it.
    functions: await collectedFunctions(),
  }
  process.stdout.write(JSON.stringify(report))
}

async function collectedFunctions(): Promise<number> {
  const alive = Array.from({ length: 10 }, (_, id) => {
    const result = { id }
    memoize(() => result)()
    return new WeakRef(result)
  })
  await new Promise((resolve) => setImmediate(resolve))
  globalThis.gc!()
  return alive.filter((result) => result.deref() === undefined).length
}

void main()
