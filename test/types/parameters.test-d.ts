import { Cacheable, CacheIgnore, CacheKey } from 'cachewright'

// Decorators of parameters, which only the legacy dialect has. Compiled, never run.

export class Accepted {
  @Cacheable()
  async marked(
    @CacheKey() _id: string,
    @CacheKey('a.b') _deep: object,
    @CacheIgnore() _trace: object,
  ): Promise<string> {
    return ''
  }
}

export class Refused {
  // @ts-expect-error a path is a text
  async path(@CacheKey(5) _id: string): Promise<void> {}
}
