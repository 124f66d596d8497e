import { type CacheError, isCacheError } from '../kernel/errors'
import { refusal, type Step } from './refusal'

/** Deeper nesting is refused, so that what one call could store another, with less of the stack left, can read. */
export const deepestNesting = 1000

/** Where in a value a walk stands, so that a refusal can name the place. */
export class Trail {
  /** How many steps lead to the object being walked. */
  depth = -1

  readonly #steps: Step[] = []
  #standing: object | undefined

  enter(value: object): void {
    this.#standing = value
    if (++this.depth > deepestNesting) {
      throw this.refusal(`is nested more than ${deepestNesting} levels deep`, 'return something flatter')
    }
  }

  leave(): void {
    this.depth--
  }

  /** Notes the step from the object being walked to a part of it that is walked next. */
  step(step: Step): void {
    this.#steps[this.depth] = step
  }

  /** The path to the object being walked, or to a part of it. */
  path(...part: readonly Step[]): readonly Step[] {
    return [...this.#steps.slice(0, Math.max(0, this.depth)), ...part]
  }

  /** The refusal of the object being walked. */
  refusal(reason: string, remedy: string, cause?: unknown): CacheError {
    return refusal(this.path(), reason, remedy, cause)
  }

  /** The refusal that ended a walk, or the one to make of what a getter, a proxy or the engine threw at the object entered last. */
  refusalOf(error: unknown): CacheError {
    if (isCacheError(error) && error.code === 'CW_VALUE_UNSUPPORTED') return error
    if (error instanceof RangeError && error.message.includes('call stack')) {
      return this.refusal('is nested deeper than the stack allows', 'return something flatter')
    }
    return refusal(this.path(...this.#throwingProperty()), 'threw while it was read', 'return plain data', error)
  }

  #throwingProperty(): readonly string[] {
    const standing = this.#standing as Record<string, unknown>
    try {
      for (const key of Object.keys(standing)) {
        try {
          void standing[key]
        } catch {
          return [key]
        }
      }
    } catch {
      // A proxy whose traps throw has no property to blame.
    }
    return []
  }
}
