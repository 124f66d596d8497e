import { Cacheable } from 'cachewright'

// Private methods, which only the standard dialect can decorate. Compiled, never run.

export class Accepted {
  @Cacheable({ key: (id: string) => id })
  async #hidden(_id: string): Promise<string> {
    return ''
  }

  hidden(id: string): Promise<string> {
    return this.#hidden(id)
  }
}
