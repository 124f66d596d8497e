import 'reflect-metadata'
import { Cacheable, CacheEvict, type CacheManager, createCacheManager } from 'cachewright'

let own: CacheManager
const manager = (): CacheManager => own
beforeEach(() => {
  own = createCacheManager()
})
afterEach(() => own.close())

/** As frameworks write it: on the function, or on the place of the method. */
const onFunction =
  (key: string | symbol, value: unknown): MethodDecorator =>
  (_target, _name, descriptor) =>
    Reflect.defineMetadata(key, value, descriptor.value as object)
const onPlace =
  (key: string, value: unknown): MethodDecorator =>
  (target, name) =>
    Reflect.defineMetadata(key, value, target, name)
const property =
  (key: string | symbol, value: unknown): MethodDecorator =>
  (_target, _name, descriptor) =>
    void Object.defineProperty(descriptor.value, key, { value, enumerable: true, configurable: true })

const secret = Symbol('secret')

class Rows {
  @onFunction('above', 1)
  @property('shownAbove', 'a')
  @CacheEvict({ manager, cache: 'lists', allEntries: true })
  @onFunction('between', 2)
  @Cacheable({ manager, cache: 'rows' })
  @onPlace('place', 4)
  @onFunction(secret, 5)
  @onFunction('below', 3)
  @property('shownBelow', 'b')
  @property(secret, 'c')
  async find(id: string, _size: number): Promise<string> {
    return id
  }

  async plain(_id: string, _size: number): Promise<string> {
    return ''
  }
}

const wrapper = Rows.prototype.find as unknown as Record<PropertyKey, unknown> & Function

describe('the function in the place of a decorated method', () => {
  test('keeps name and length', () => {
    expect([wrapper.name, wrapper.length]).toEqual(['find', 2])
  })

  test('keeps own properties, named by texts and by symbols', () => {
    expect([wrapper.shownAbove, wrapper.shownBelow, wrapper[secret]]).toEqual(['a', 'b', 'c'])
  })

  test('carries Reflect metadata from above, between and below', () => {
    const read = (key: string | symbol): unknown => Reflect.getMetadata(key, wrapper)
    expect(['above', 'between', 'below', secret].map(read)).toEqual([1, 2, 3, 5])
    expect(Reflect.getMetadata('place', Rows.prototype, 'find')).toBe(4)
  })

  test('leaves what the compiler wrote down', () => {
    expect(Reflect.getMetadata('design:paramtypes', Rows.prototype, 'find')).toEqual([String, Number])
    expect(Reflect.getMetadata('design:returntype', Rows.prototype, 'find')).toBe(Promise)
  })

  test('stands in the same kind of property', () => {
    const shape = ({ value: _, ...rest }: PropertyDescriptor) => rest
    const [ours, usual] = ['find', 'plain'].map((name) => Object.getOwnPropertyDescriptor(Rows.prototype, name))
    expect(shape(ours as PropertyDescriptor)).toEqual(shape(usual as PropertyDescriptor))
    expect(Object.keys(Rows.prototype)).toEqual([])
  })

  test('is one function, however often it is read', () => {
    expect(new Rows().find).toBe(new Rows().find)
  })

  test('still caches', async () => {
    const rows = new Rows()
    await rows.find('1', 2)
    await rows.find('1', 2)
    expect(own.stats().hits).toBe(1)
  })

  test('can be replaced by spies and by assignment', async () => {
    class Other {
      @Cacheable({ manager })
      async find(id: string): Promise<string> {
        return id
      }
    }
    const spy = jest.spyOn(Other.prototype, 'find').mockResolvedValue('mocked')
    expect(await new Other().find('1')).toBe('mocked')
    spy.mockRestore()
    expect(await new Other().find('1')).toBe('1')
  })
})
