import type { Life } from './history'
import type { SourceAnswer, SourceQuestion } from './source'

/** What a worker is started with, as JSON in its first argument. */
export interface WorkerOrder {
  readonly by: Life
  readonly seed: number
  /** Where it writes its part of the history. */
  readonly file: string
  /** What `redis()` is given. */
  readonly address: Readonly<Record<string, unknown>>
  readonly maxStalenessMs: number
  readonly commandTimeoutMs: number
  readonly isWriting: boolean
}

/** What the parent tells a worker. */
export type Order =
  | SourceAnswer
  /** Begins or ends a lull, in which nothing is written and only reads can show what is wrong. */
  | { readonly kind: 'writing'; readonly on: boolean }
  /** No more work; tell when nothing is kept back any more. */
  | { readonly kind: 'settle' }
  /** Read everything, close and end. */
  | { readonly kind: 'finish' }

/** What a worker tells the parent. */
export type Word =
  | SourceQuestion
  | { readonly kind: 'up'; readonly at: number }
  | { readonly kind: 'settled'; readonly pending: number }
  | { readonly kind: 'finished' }
