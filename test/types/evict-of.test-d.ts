import { Cacheable, CacheableMany, CacheEvict, Caching } from 'cachewright'

/*
 * An evict that names the method whose entries it removes, as the compiler sees it: this file belongs to the project of
 * test/standard too. Compiled, never run.
 */

interface Product {
  readonly id: string
  readonly category: number
}

const symbol: unique symbol = Symbol('by date')

export abstract class Products {
  // Return types are not written down: that the decorators below name this class is no circle.
  @Cacheable()
  async findById(id: string, trace?: object) {
    return { id, category: trace === undefined ? 1 : 2 }
  }

  @Cacheable()
  async findByCategory(category: number) {
    return [category]
  }

  @CacheableMany({ cache: 'many' })
  async findByIds(ids: readonly string[]) {
    return [...ids]
  }

  @Cacheable()
  async [symbol](since: Date) {
    return since
  }

  @Cacheable()
  static async rate(currency: number) {
    return currency
  }

  @Cacheable()
  private async secret(id: string) {
    return id
  }

  @Cacheable()
  async generic<Id extends string>(id: Id) {
    return [id, await this.secret(id)]
  }

  name(id: string) {
    return id
  }

  @CacheEvict({ of: () => [Products, 'findById'] })
  async remove(_id: string) {}

  @CacheEvict({ of: () => [Products, 'findById'], args: (product: Product) => [product.id] })
  async update(_product: Product) {}

  @CacheEvict({ of: () => [Products, 'findById'], args: (product) => [product.id, {}] })
  async unannotated(_product: Product) {}

  @CacheEvict({ of: () => [Products, 'findById'], resultArgs: (product: Product) => [product.id] })
  async create(): Promise<Product> {
    return this.findById('')
  }

  @CacheEvict({ of: () => [Products, 'findById'], resultArgs: (_: unknown, id: string) => [id] })
  async both(_id: string): Promise<void> {}

  @CacheEvict({ of: () => [Products, 'findByIds'], args: (products: Product[]) => [products.map(({ id }) => id)] })
  async updateAll(_products: Product[]) {}

  @CacheEvict({ of: () => [Products, symbol] })
  async since(_date: Date) {}

  @CacheEvict({ of: () => [Products, 'generic'] })
  async ofGeneric(_id: string) {}

  @CacheEvict({ of: () => [Products, 'rate'], before: true, afterError: false, condition: (currency) => currency > 0 })
  static async publish(_currency: number) {}

  @Caching({
    evict: [
      { of: () => [Products, 'findById'], args: (product: Product) => [product.id] },
      { of: () => [Products, 'findByCategory'], args: (product: Product) => [product.category] },
      { of: () => [Products, 'findByCategory'], resultArgs: (_: unknown, product: Product) => [product.category] },
      { cache: 'lists', allEntries: true },
    ],
  })
  async move(_product: Product) {}

  @Caching({ evict: [{ of: () => [Products, 'findById'] }, { of: () => [Products, 'generic'], expire: true }] })
  async passOn(_id: string) {}
}

export class Singleton {
  private constructor() {}

  @Cacheable()
  async find(id: string) {
    return id
  }

  static create() {
    return new Singleton()
  }
}

export class Refused {
  // @ts-expect-error: there is no such method, as after it was renamed
  @CacheEvict({ of: () => [Products, 'findByID'] })
  async renamed(_id: string) {}

  // @ts-expect-error: not an async method
  @CacheEvict({ of: () => [Products, 'name'] })
  async synchronous(_id: string) {}

  // @ts-expect-error: a private method is nobody's to name
  @CacheEvict({ of: () => [Products, 'secret'] })
  async ofPrivate(_id: string) {}

  // @ts-expect-error: the arguments passed on are of another type
  @CacheEvict({ of: () => [Products, 'findById'] })
  async otherType(_id: number) {}

  // @ts-expect-error: too few arguments
  @CacheEvict({ of: () => [Products, 'findById'] })
  async tooFew() {}

  // @ts-expect-error: too many, which would make another key
  @CacheEvict({ of: () => [Products, 'findByCategory'] })
  async tooMany(_category: number, _reason: string) {}

  // @ts-expect-error: may be left out here, and not there
  @CacheEvict({ of: () => [Products, 'findById'] })
  async optional(_id?: string) {}

  // @ts-expect-error: arguments made of another type
  @CacheEvict({ of: () => [Products, 'findById'], args: (product: Product) => [product.category] })
  async madeOfOtherType(_product: Product) {}

  // @ts-expect-error: too few made
  @CacheEvict({ of: () => [Products, 'findById'], args: (_: Product) => [] })
  async madeTooFew(_product: Product) {}

  // @ts-expect-error: too many made
  @CacheEvict({ of: () => [Products, 'findByCategory'], args: (product: Product) => [product.category, product.id] })
  async madeTooMany(_product: Product) {}

  // @ts-expect-error: no list of arguments
  @CacheEvict({ of: () => [Products, 'findById'], args: (product: Product) => product.id })
  async noList(_product: Product) {}

  // @ts-expect-error: an element instead of the list
  @CacheEvict({ of: () => [Products, 'findByIds'], args: (product: Product) => [product.id] })
  async noElements(_product: Product) {}

  // @ts-expect-error: `args` does not fit this method
  @CacheEvict({ of: () => [Products, 'findById'], args: (product: Product) => [product.id] })
  async otherArguments(_id: string) {}

  // @ts-expect-error: `resultArgs` does not fit what this method returns
  @CacheEvict({ of: () => [Products, 'findById'], resultArgs: (product: Product) => [product.id] })
  async otherResult() {}

  // @ts-expect-error: the arguments of nothing
  @CacheEvict({ args: (id: string) => [id] })
  async ofNothing(_id: string) {}

  // @ts-expect-error: a class and the name, not the method
  @CacheEvict({ of: () => Products.prototype.findById })
  async function(_id: string) {}

  // @ts-expect-error: a function, for the class may not be there yet
  @CacheEvict({ of: [Products, 'findById'] })
  async atOnce(_id: string) {}

  // @ts-expect-error: as above, in a list
  @Caching({ evict: [{ cache: 'lists' }, { of: () => [Products, 'findByID'] }] })
  async renamedInList(_id: string) {}

  // @ts-expect-error
  @Caching({ evict: [{ of: () => [Products, 'name'] }] })
  async synchronousInList(_id: string) {}

  // @ts-expect-error
  @Caching({ evict: [{ cache: 'lists' }, { of: () => [Products, 'findById'] }] })
  async otherTypeInList(_id: number) {}

  // @ts-expect-error
  @Caching({ evict: [{ of: () => [Products, 'findById'], args: (product: Product) => [product.category] }] })
  async madeOfOtherTypeInList(_product: Product) {}

  // @ts-expect-error
  @Caching({ evict: [{ of: () => [Products, 'findById'], args: (product: Product) => [product.id] }] })
  async otherArgumentsInList(_id: string) {}

  @CacheEvict({ of: () => [Singleton, 'find'] })
  async privateConstructor(_id: string) {}
}
