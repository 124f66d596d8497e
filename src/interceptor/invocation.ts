import { besideFlight } from '../cache/current-flight'
import { describeThrown } from '../kernel/describe'
import { cacheError } from '../kernel/errors'
import { isThenable } from '../kernel/thenable'
import type { DecoratedMethod } from '../metadata/decorated-method'
import type { Planned } from './plan'

/** A call that is made to have a fresh value cached, and not for the value. */
export interface WarmCall {
  /** Leaves the call. */
  readonly signal: AbortSignal
  /** Whether the method was called for it. */
  hasLoaded: boolean
}

/** One call of a decorated method. */
export class Invocation {
  readonly #method: DecoratedMethod
  readonly #self: unknown
  readonly #warm: WarmCall | undefined
  readonly args: readonly unknown[]
  /** Why what was to happen after the method has not all happened, where that fails the call. */
  failure: { readonly error: unknown } | undefined
  #whenDone: ((result: unknown) => Promise<void>) | undefined
  #whenFailed: ((error: unknown) => Promise<void>) | undefined

  constructor(method: DecoratedMethod, self: unknown, args: readonly unknown[], warm?: WarmCall) {
    this.#method = method
    this.#self = self
    this.#warm = warm
    this.args = args
  }

  /** The same call for other arguments: a part of it. */
  about(args: readonly unknown[]): Invocation {
    return new Invocation(this.#method, this.#self, args, this.#warm)
  }

  get where(): string {
    return this.#method.where
  }

  /** Whether nothing may stand in for a fresh value. */
  get isStrict(): boolean {
    return this.#warm !== undefined
  }

  /** The caller's own AbortSignal, if the method was given one. */
  get signal(): AbortSignal | undefined {
    if (this.#warm !== undefined) return this.#warm.signal
    return this.args.find((argument): argument is AbortSignal => argument instanceof AbortSignal)
  }

  /** What is to happen when the method has succeeded, before anybody has its result. */
  whenDone(act: (result: unknown) => Promise<void>): void {
    this.#whenDone = act
  }

  /** What is to happen when the method has failed, before anybody has its error. */
  whenFailed(act: (error: unknown) => Promise<void>): void {
    this.#whenFailed = act
  }

  /** What it asks for is being loaded. */
  noteLoad(): void {
    if (this.#warm !== undefined) this.#warm.hasLoaded = true
  }

  /** Calls the method and nothing else. */
  direct(): Promise<unknown> {
    this.noteLoad()
    return besideFlight(() => Reflect.apply(this.#method.original, this.#self, this.args) as Promise<unknown>)
  }

  /**
   * Calls the method.
   *
   * @param signal takes the place of the caller's own, where several callers share the call
   * @throws what the method throws; CW_SYNC_METHOD if it does not answer by a promise
   */
  async proceed(signal?: AbortSignal): Promise<unknown> {
    this.noteLoad()
    const args = signal === undefined ? this.args : this.args.map((its) => (its instanceof AbortSignal ? signal : its))
    let answer: unknown
    let result: unknown
    try {
      answer = Reflect.apply(this.#method.original, this.#self, args)
      result = isThenable(answer) ? await answer : undefined
    } catch (error) {
      // The handler of errors was told; the method's error is what its caller has to know.
      await this.#whenFailed?.(error).catch(() => {})
      throw error
    }
    if (isThenable(answer)) {
      // The method has succeeded, so the load has: it is the call that fails.
      await this.#whenDone?.(result).catch((error: unknown) => {
        this.failure = { error }
      })
      return result
    }
    throw cacheError(
      'CW_SYNC_METHOD',
      `${this.where} did not return a promise. Caches may have to ask another process, so @Cacheable, @CachePut and @CacheEvict take async methods: make it async, or use @Memoize, which is for synchronous ones. Generators and streams cannot be cached.`,
    )
  }

  /**
   * Asks a function of the user. If it throws, the operation is skipped and that is reported; the call goes on.
   *
   * @returns the answer, or undefined if there is none
   */
  ask<Answer>(planned: Planned, option: string, answer: () => Answer): { readonly value: Answer } | undefined {
    try {
      return { value: answer() }
    } catch (error) {
      this.skip(planned, `\`${option}\` threw: ${describeThrown(error)}`, error)
      return undefined
    }
  }

  /** Reports that an operation is left out of this call. */
  skip({ manager, caches, operation }: Planned, reason: string, cause?: unknown): void {
    const name = `${operation.decorator} of ${this.where}`
    const error = cacheError('CW_FUNCTION_FAILED', `${name} was skipped: ${reason}`, cause)
    manager.reportSkipped(caches[0]?.name, name, error)
  }
}
