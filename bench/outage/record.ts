import type { ContenderName } from './contender'
import type { Phase } from './phases'
import type { Load } from './source'

/** One call, as its caller saw it; moments are milliseconds since 1970. */
export interface Call {
  readonly key: string
  /** When it was to be made: what a caller waits, it waits from here. */
  readonly dueAt: number
  /** When it was made. */
  readonly sentAt: number
  /** When it was answered, one way or the other; undefined if that never came. */
  readonly endedAt?: number
  /** When the source had said what was answered. */
  readonly saidAt?: number
  /** What it failed with. */
  readonly error?: string
}

/** What nobody caught. */
export interface Uncaught {
  readonly at: number
  readonly what: string
}

/** What the process of a contender tells when it is done. */
export interface ServiceRecord {
  readonly calls: readonly Call[]
  readonly loads: readonly Load[]
  /** Moments at which it was seen that Redis had answered something since the last look; undefined if it asks none. */
  readonly redisAnsweredAt: readonly number[] | undefined
  readonly uncaught: readonly Uncaught[]
}

/** A phase as it went. */
export interface PhaseRun extends Phase {
  readonly from: number
  readonly to: number
  /** When Redis answered again, in a phase that mends it. */
  readonly redisBackAt?: number
}

/** One contender's way through all phases. */
export interface Trial extends ServiceRecord {
  readonly contender: ContenderName
  readonly startedAt: number
  readonly phases: readonly PhaseRun[]
}

/** What the process of a contender is told at its start. */
export interface ServiceOrder {
  readonly contender: ContenderName
  readonly port: number
  readonly seed: number
  readonly phases: readonly Phase[]
}

/** What is said between the two processes. */
export type Word = { readonly kind: 'ready' } | { readonly kind: 'done'; readonly record: ServiceRecord }
export interface Start {
  readonly startsAt: number
}
