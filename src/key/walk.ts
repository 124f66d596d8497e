import type { TypeRegistry } from '../kernel/registered-types'
import { KeyProblem } from './key-problem'

const deepest = 500
const most = 1_000_000

/** Where one encoding stands: inside which objects, and how much it has seen. Keeps hostile nesting from costing a stack. */
export class Walk {
  readonly types: TypeRegistry | undefined
  readonly #inside: object[] = []
  #left = most

  constructor(types: TypeRegistry | undefined) {
    this.types = types
  }

  /** Goes one level down, into `value`. */
  enter(value: object): void {
    if (this.#inside.includes(value)) throw new KeyProblem('it contains itself')
    if (this.#inside.length >= deepest) throw new KeyProblem(`it is nested deeper than ${deepest} levels`)
    this.#inside.push(value)
  }

  /** Comes back up; a walk that was refused is not used again. */
  leave(): void {
    this.#inside.pop()
  }

  /** Counts elements seen. Fifty nested pairs that share their halves have 2^50: depth alone is no limit on the work. */
  spend(elements: number): void {
    this.#left -= elements
    if (this.#left < 0) throw new KeyProblem(`it has more than ${most} elements`)
  }
}
