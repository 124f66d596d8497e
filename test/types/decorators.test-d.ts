import {
  Cacheable,
  CacheableMany,
  CacheConfig,
  CacheEvict,
  type CacheManager,
  CachePut,
  Caching,
  createCacheManager,
} from 'cachewright'

/*
 * What the compiler must accept and refuse in either dialect: this file belongs to the project of test/standard too.
 * Compiled, never run. Each refusal stands on the line of the decorator, where a user will look for it.
 */

interface Product {
  readonly id: string
  readonly categoryId: string
}

declare const product: Product
declare const manager: CacheManager

export class Accepted {
  @Cacheable()
  async nothing(): Promise<void> {}

  @Cacheable({})
  async everythingDefault(_id: string, _size?: number): Promise<Product> {
    return product
  }

  @Cacheable({ cache: 'products', ttl: '5m', manager })
  async fixed(_id: string): Promise<Product> {
    return product
  }

  @Cacheable({ cache: ['products', 'all'], ttl: 5_000, manager: () => createCacheManager(), tags: ['a', 'b'] })
  async lists(_id: string): Promise<Product> {
    return product
  }

  @Cacheable({ staleIfError: '1h', softTimeout: '1s', refreshAhead: 'xfetch', xfetchBeta: 2, cacheErrors: false })
  async policies(_id: string): Promise<Product> {
    return product
  }

  @Cacheable({ cacheErrors: { ttl: '1s', include: [RangeError, (error) => error === null], exclude: [TypeError] } })
  async filters(_id: string): Promise<Product> {
    return product
  }

  @Cacheable({ negativeTtl: '1s', negative: (found, id) => found === null || found.id !== id })
  async negative(_id: string): Promise<Product | null> {
    return null
  }

  @Cacheable({ fallback: (error, id: string) => ({ id, categoryId: String(error) }) })
  async fallback(_id: string): Promise<Product> {
    return product
  }

  @Cacheable({ fallback: async () => null })
  async fallbackLater(_id: string): Promise<Product | null> {
    return null
  }

  @CacheableMany({ cache: 'products', idOf: (its: Product) => its.id, tags: (its, id) => [its.categoryId, id] })
  async many(_ids: readonly string[], _size?: number): Promise<Product[]> {
    return [product]
  }

  @CacheableMany({ map: true, cacheAbsent: null, key: (id: number) => id })
  async map(_ids: number[]): Promise<ReadonlyMap<number, Product>> {
    return new Map()
  }

  @CacheableMany({ list: 'ids', key: (id, query) => [id, query.locale] })
  async listInField(_query: { readonly ids: readonly number[]; readonly locale: string }): Promise<(Product | null)[]> {
    return [null]
  }

  @CacheableMany()
  async withErrors(_ids: readonly string[]): Promise<readonly (Product | Error)[]> {
    return [product]
  }

  @CachePut({ keys: (list: readonly Product[]) => list.map(({ id }) => id), version: (its: Product) => its.id.length })
  async saveAll(list: readonly Product[]): Promise<readonly Product[]> {
    return list
  }

  @CacheEvict({ cache: 'products', keys: (ids: readonly string[]) => ids })
  async removeAll(_ids: readonly string[]): Promise<void> {}

  @CacheEvict({ cache: 'products', afterError: { include: [RangeError] }, expire: true })
  async afterError(_id: string): Promise<void> {}

  @Cacheable({ key: (id: string) => id })
  async fewerParameters(_id: string, _size: number, _trace?: object): Promise<Product> {
    return product
  }

  @Cacheable({ key: () => 'one' })
  async noParameters(_id: string): Promise<Product> {
    return product
  }

  @Cacheable({ key: (id) => id, condition: (id, size) => id !== size })
  async unannotated(_id: string, _size: number): Promise<Product> {
    return product
  }

  @Cacheable({ key: (id: string, size?: number) => [id, size] })
  async optional(_id: string, _size?: number): Promise<Product> {
    return product
  }

  @Cacheable({ key: (id: string, ...rest: number[]) => [id, ...rest] })
  async rest(_id: string, ..._rest: number[]): Promise<Product> {
    return product
  }

  @Cacheable({ key: (id: string | number) => id })
  async widerKey(_id: string): Promise<Product> {
    return product
  }

  @Cacheable({ key: (id: string, since: Date) => ({ id, since }) })
  async objectKey(_id: string, _since: Date): Promise<Product> {
    return product
  }

  @Cacheable({ tags: (its: Product, id: string) => [its.categoryId, id] })
  async tagsOfResult(_id: string): Promise<Product> {
    return product
  }

  @Cacheable({
    tags: (its: Product | null) => (its === null ? [] : [its.id]),
    unless: (its: Product | null) => its === null,
  })
  async nullable(_id: string): Promise<Product | null> {
    return product
  }

  @Cacheable({ version: (its: Product, id: string) => its.id.length + id.length })
  async versioned(_id: string): Promise<Product> {
    return product
  }

  @Cacheable({ unless: (its) => its === null })
  async unannotatedUnless(_id: string): Promise<Product | null> {
    return null
  }

  @Cacheable({ key: (id: string) => id })
  static async still(_id: string): Promise<Product> {
    return product
  }

  @Cacheable({ condition: (id: string, signal?: AbortSignal) => signal === undefined && id !== '' })
  async signalled(_id: string, _signal?: AbortSignal): Promise<Product> {
    return product
  }

  @Cacheable({ key: <Id>(id: Id) => id as object })
  async generic<Its>(its: Its): Promise<Its> {
    return its
  }

  async overloaded(id: string): Promise<Product>
  async overloaded(id: number, size: number): Promise<Product>
  @Cacheable()
  async overloaded(_id: string | number, _size?: number): Promise<Product> {
    return product
  }

  @Cacheable()
  arrow(id: string): Promise<string> {
    return Promise.resolve(id)
  }

  @CachePut({ cache: 'products', key: (its: Product) => its.id, ttl: '1h' })
  async save(its: Product): Promise<Product> {
    return its
  }

  @CachePut({ cache: 'products', resultKey: (saved: Product, its: Omit<Product, 'id'>) => [saved.id, its.categoryId] })
  async insert(_its: Omit<Product, 'id'>): Promise<Product> {
    return product
  }

  @CacheEvict({ cache: 'products', before: true, condition: (id: string) => id !== '' })
  async remove(_id: string): Promise<void> {}

  @CacheEvict({ cache: 'products', tags: (category: string) => [category] })
  async recategorise(_category: string): Promise<void> {}

  @CacheEvict({
    cache: 'products',
    resultKey: (removed: Product) => removed.id,
    unless: (removed: Product) => removed.id === '',
  })
  async pop(): Promise<Product> {
    return product
  }

  @CacheEvict({ allEntries: true })
  async reset(): Promise<void> {}

  @Cacheable({ cache: 'a' })
  @CacheEvict({ cache: 'b', allEntries: true })
  @CachePut({ cache: 'c', key: (id: string) => id })
  async several(_id: string): Promise<Product> {
    return product
  }

  @Caching({
    cacheable: [{ cache: 'a', key: (id: string) => id }, { cache: 'b' }],
    put: [{ cache: 'c', resultKey: (its: Product) => its.id, tags: (its: Product) => [its.categoryId] }],
    evict: [{ cache: 'd', allEntries: true }, { tags: (id: string) => [id] }],
  })
  async caching(_id: string): Promise<Product> {
    return product
  }

  @Caching({})
  async nothingAtAll(): Promise<void> {}
}

@CacheConfig({ cache: 'products', ttl: '10m', manager: () => manager })
export class Configured {
  constructor(readonly name: string) {}
}

@CacheConfig({})
export abstract class AbstractlyConfigured {
  @Cacheable()
  async find(id: string): Promise<string> {
    return id
  }
}

export class Refused {
  // @ts-expect-error a method that returns no promise
  @Cacheable()
  sync(_id: string): Product {
    return product
  }

  // @ts-expect-error nothing is not a promise of nothing
  @CacheEvict({ allEntries: true })
  syncVoid(): void {}

  // @ts-expect-error it may not be one
  @CachePut()
  sometimes(_id: string): Product | Promise<Product> {
    return product
  }

  // @ts-expect-error a generator of many is not a promise of one
  @Cacheable()
  async *stream(): AsyncGenerator<Product> {
    yield product
  }

  // @ts-expect-error the key is of another type of parameter
  @Cacheable({ key: (id: number) => id })
  async wrongParameter(_id: string): Promise<Product> {
    return product
  }

  // @ts-expect-error the key is of a narrower parameter
  @Cacheable({ key: (id: 'a' | 'b') => id })
  async narrowerParameter(_id: string): Promise<Product> {
    return product
  }

  // @ts-expect-error the parameter may be missing
  @Cacheable({ key: (size: number) => size })
  async mayBeMissing(_size?: number): Promise<Product> {
    return product
  }

  // @ts-expect-error the method has fewer parameters
  @Cacheable({ key: (id: string, size: number) => [id, size] })
  async tooMany(_id: string): Promise<Product> {
    return product
  }

  // @ts-expect-error the condition is of another type of parameter
  @Cacheable({ condition: (id: number) => id > 0 })
  async wrongCondition(_id: string): Promise<Product> {
    return product
  }

  // @ts-expect-error tags of another result
  @Cacheable({ tags: (its: { readonly owner: string }) => [its.owner] })
  async wrongTags(_id: string): Promise<Product> {
    return product
  }

  // @ts-expect-error the result may be null
  @Cacheable({ tags: (its: Product) => [its.categoryId] })
  async mayBeNull(_id: string): Promise<Product | null> {
    return null
  }

  // @ts-expect-error `version` sees the result of the method
  @Cacheable({ version: (its: Date) => its })
  async versionOfAnotherResult(_id: string): Promise<Product> {
    return product
  }

  // @ts-expect-error `negative` sees the result of the method
  @Cacheable({ negative: (its: Date) => its.getTime() === 0 })
  async negativeOfAnotherResult(_id: string): Promise<Product> {
    return product
  }

  // @ts-expect-error instead of an error there is a result of the method
  @Cacheable({ fallback: () => 'nothing' })
  async fallbackOfAnotherType(_id: string): Promise<Product> {
    return product
  }

  // @ts-expect-error there is no list
  @CacheableMany()
  async noList(_id: string): Promise<Product[]> {
    return [product]
  }

  // @ts-expect-error there is no list in that field
  @CacheableMany({ list: 'names', key: (id: string) => id })
  async noListInField(_query: { readonly ids: readonly string[] }): Promise<Product[]> {
    return [product]
  }

  // @ts-expect-error a Map has to be announced
  @CacheableMany()
  async unannounced(_ids: readonly string[]): Promise<Map<string, Product>> {
    return new Map()
  }

  // @ts-expect-error announced, and none
  @CacheableMany({ map: true })
  async noMap(_ids: readonly string[]): Promise<Product[]> {
    return [product]
  }

  // @ts-expect-error the id is of another type than the elements
  @CacheableMany({ idOf: (its: Product) => its.id.length })
  async wrongId(_ids: readonly string[]): Promise<Product[]> {
    return [product]
  }

  // @ts-expect-error the key is made of an element
  @CacheableMany({ key: (ids: readonly string[]) => ids.length })
  async keyOfList(_ids: readonly string[]): Promise<Product[]> {
    return [product]
  }

  // @ts-expect-error the version is that of each value
  @CachePut({ keys: (list: readonly Product[]) => list.map(({ id }) => id), version: (its: Product[]) => its.length })
  async versionOfList(list: Product[]): Promise<Product[]> {
    return list
  }

  // @ts-expect-error a version is a number, a bigint or a Date
  @CachePut({ version: (its: Product) => its.id })
  async versionOfText(_id: string): Promise<Product> {
    return product
  }

  // @ts-expect-error `unless` sees the result, not the promise
  @Cacheable({ unless: (its: Promise<Product>) => its === undefined })
  async unlessOfPromise(_id: string): Promise<Product> {
    return product
  }

  // @ts-expect-error of the arguments, not of the result
  @CacheEvict({ tags: (its: Product) => [its.categoryId] })
  async evictTagsOfResult(_id: string): Promise<Product> {
    return product
  }

  // @ts-expect-error the result is another
  @CachePut({ resultKey: (saved: { readonly owner: string }) => saved.owner })
  async wrongResultKey(_id: string): Promise<Product> {
    return product
  }

  // @ts-expect-error one of the list
  @Caching({ cacheable: [{ key: (id: string) => id }, { key: (id: number) => id }] })
  async oneOfTheList(_id: string): Promise<Product> {
    return product
  }

  // @ts-expect-error one of the evicts
  @Caching({ evict: [{ tags: (its: Product) => [its.id] }] })
  async oneOfTheEvicts(_id: string): Promise<Product> {
    return product
  }
}

export class RefusedOptions {
  // @ts-expect-error not a duration
  @Cacheable({ ttl: '5 minutes' })
  async words(): Promise<void> {}

  // @ts-expect-error not a unit
  @Cacheable({ ttl: '1w' })
  async weeks(): Promise<void> {}

  // @ts-expect-error not a duration
  @CacheConfig({ ttl: '' })
  static Inner = class {}

  // @ts-expect-error no such option
  @Cacheable({ tll: '5m' })
  async typo(): Promise<void> {}

  // @ts-expect-error no such option beside known ones
  @Cacheable({ cache: 'c', key: (id: string) => id, name: 'x' })
  async typoBesideOthers(_id: string): Promise<void> {}

  // @ts-expect-error lots are drawn by one rule
  @Cacheable({ refreshAhead: 'often' })
  async often(): Promise<void> {}

  // @ts-expect-error how long, it has to be said
  @Cacheable({ cacheErrors: { include: [RangeError] } })
  async errorsForEver(): Promise<void> {}

  // @ts-expect-error a put loads nothing
  @CachePut({ softTimeout: '1s' })
  async softPut(): Promise<void> {}

  // @ts-expect-error an evict keeps nothing
  @CacheEvict({ staleIfError: '1s' })
  async staleEvict(): Promise<void> {}

  // @ts-expect-error an option of another decorator
  @Cacheable({ before: true })
  async before(): Promise<void> {}

  // @ts-expect-error an option of another decorator
  @Cacheable({ allEntries: true })
  async everything(): Promise<void> {}

  // @ts-expect-error an option of another decorator
  @Cacheable({ resultKey: (its: Product) => its.id })
  async resultKey(): Promise<Product> {
    return product
  }

  // @ts-expect-error an option of another decorator
  @CacheEvict({ ttl: '5m' })
  async ttl(): Promise<void> {}

  // @ts-expect-error a key is no symbol
  @Cacheable({ key: () => Symbol('k') })
  async symbolKey(): Promise<void> {}

  // @ts-expect-error a key is made at once; a manager is one
  @Cacheable({ manager: 'main' })
  async wrongManager(): Promise<void> {}

  // @ts-expect-error a cache has a name
  @Cacheable({ cache: 5 })
  async numberedCache(): Promise<void> {}

  // @ts-expect-error tags are texts
  @Cacheable({ tags: [5] })
  async numberedTags(): Promise<void> {}

  // @ts-expect-error tags are a list
  @Cacheable({ tags: () => 'tag' })
  async oneTag(): Promise<void> {}

  // @ts-expect-error a condition answers with true or false
  @Cacheable({ condition: () => 'yes' })
  async condition(): Promise<void> {}

  // @ts-expect-error and at once
  @Cacheable({ unless: async () => false })
  async asyncUnless(): Promise<void> {}

  // @ts-expect-error lists
  @Caching({ cacheable: { cache: 'c' } })
  async noList(): Promise<void> {}

  // @ts-expect-error a decorator is made by a call
  @Cacheable
  async bare(): Promise<void> {}

  // @ts-expect-error not on a property
  @Cacheable()
  property = 5

  // @ts-expect-error not on an accessor
  @Cacheable()
  get accessor(): Promise<void> {
    return Promise.resolve()
  }

  // @ts-expect-error not on a method
  @CacheConfig({ cache: 'c' })
  async configured(): Promise<void> {}
}

// @ts-expect-error not on a class
@Cacheable()
export class OnClass {}

// @ts-expect-error no such option
@CacheConfig({ key: () => 'k' })
export class UnknownOption {}
