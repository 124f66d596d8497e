import type { CacheManager } from '../index'

/** What is injected into objects with decorated methods: it binds them, at once or as soon as there is a manager. */
export class Binder {
  #manager: CacheManager | undefined
  readonly #waiting: object[] = []

  constructor(manager?: CacheManager) {
    this.#manager = manager
  }

  adopt(target: object): void {
    if (this.#manager === undefined) this.#waiting.push(target)
    else this.#manager.adopt(target)
  }

  /** Says which manager it is. */
  use(manager: CacheManager): void {
    this.#manager = manager
    for (const target of this.#waiting.splice(0)) manager.adopt(target)
  }
}
