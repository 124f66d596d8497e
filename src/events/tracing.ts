import { describeThrown } from '../kernel/describe'
import type { Warnings } from '../kernel/warn'

/** A call of the method, or of a loader, since no tier had the value. */
export interface TracedLoad {
  readonly kind: 'load'
  readonly cache: string
  /** The readable encoding of the key's parts; undefined where one call loads many. */
  readonly key: string | undefined
}

/** A command to the shared tier, until it is answered or given up. */
export interface TracedCommand {
  readonly kind: 'command'
  /** The name of the method of {@link SharedStore}; of its queue of writes, `offer` and `find`. */
  readonly command: string
  /** Undefined for what belongs to no single cache, such as tags, and for a queue. */
  readonly cache: string | undefined
  /** As the shared tier knows them; of a queue, the readable encodings of their parts. */
  readonly keys: readonly string[]
}

/** Work that others wait for, and that is worth to be seen while it goes on. */
export type TracedWork = TracedLoad | TracedCommand

/**
 * Called when work begins, in the async context of the call that it is for; what is loaded anew in the background belongs to
 * no call. It runs the work itself, at once, so that what stands around `run` stands around the work too: a span that is
 * active, a store of AsyncLocalStorage. `run` answers as the work does. What the tracer returns is not looked at, and
 * work that it does not run is run after it.
 */
export type CacheTracer = (work: TracedWork, run: () => Promise<unknown>) => unknown

/** Runs work within the tracers of a manager. */
export class Tracing {
  /** Whether anybody traces: all that work has to ask where nobody does. */
  isOn = false
  readonly #warnings: Warnings
  readonly #tracers = new Set<{ readonly tracer: CacheTracer }>()

  constructor(warnings: Warnings) {
    this.#warnings = warnings
  }

  /** @returns a function that takes the tracer off again */
  add(tracer: CacheTracer): () => void {
    const added = { tracer }
    this.#tracers.add(added)
    this.isOn = true
    return () => {
      this.#tracers.delete(added)
      this.isOn = this.#tracers.size > 0
    }
  }

  /** Does the work, and answers as it does, whatever the tracers do. */
  run<Answer>(work: TracedWork, act: () => Promise<Answer>): Promise<Answer> {
    let run = act
    for (const { tracer } of this.#tracers) run = this.#within(tracer, Object.freeze(work), run)
    return run()
  }

  #within<Answer>(tracer: CacheTracer, work: TracedWork, act: () => Promise<Answer>): () => Promise<Answer> {
    let begun: Promise<Answer> | undefined
    const run = (): Promise<Answer> => {
      begun ??= (async () => act())()
      return begun
    }
    return () => {
      try {
        const traced: unknown = tracer(work, run)
        if (traced instanceof Promise) {
          const failed = (error: unknown): void => this.#failed(work, error)
          // It may fail because the work does, which is no failure of its own.
          traced.catch((error: unknown) =>
            run().then(
              () => failed(error),
              (its: unknown) => its === error || failed(error),
            ),
          )
        }
      } catch (error) {
        this.#failed(work, error)
      }
      return run()
    }
  }

  // A tracer watches; its failure is not the service's.
  #failed({ kind }: TracedWork, error: unknown): void {
    this.#warnings.once('CW_FUNCTION_FAILED', `trace ${kind}`, `A tracer of a ${kind} failed: ${describeThrown(error)}`)
  }
}
