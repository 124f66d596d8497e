import { Cacheable, CacheConfig, CacheEvict, CacheKey, CachePut, Caching, isCacheError } from 'cachewright'

/** Applies a decorator of methods as the compiler does, to a method of class `Rows` (or to something else). */
function applyTo(place: 'method' | 'getter' | 'property' | 'class', make: () => unknown): unknown {
  class Rows {
    async find(id: string): Promise<string> {
      return id
    }

    get size(): number {
      return 0
    }
  }
  const decorator = make() as (target: object, name?: string, descriptor?: PropertyDescriptor) => unknown
  if (place === 'class') return decorator(Rows)
  const name = { method: 'find', getter: 'size', property: 'rows' }[place]
  return decorator(Rows.prototype, name, Object.getOwnPropertyDescriptor(Rows.prototype, name))
}

function refusalOf(make: () => unknown, place: Parameters<typeof applyTo>[0] = 'method') {
  try {
    applyTo(place, make)
  } catch (error) {
    if (isCacheError(error)) return error
    throw error
  }
  throw new Error('it was not refused')
}

type Decorate = (options: unknown) => unknown
const decorators: Readonly<Record<string, Decorate>> = {
  Cacheable: Cacheable as unknown as Decorate,
  CachePut: CachePut as unknown as Decorate,
  CacheEvict: CacheEvict as unknown as Decorate,
  Caching: Caching as unknown as Decorate,
  CacheConfig: CacheConfig as unknown as Decorate,
}
const use = (name: string, options: unknown) => () => (decorators[name] as Decorate)(options)

const all = ['Cacheable', 'CachePut', 'CacheEvict']
const bad: readonly (readonly [readonly string[], string, unknown, RegExp])[] = [
  [all, 'cache', '', /text|cache name.*got ''/],
  [all, 'cache', '   ', /cache name/],
  [all, 'cache', [], /cache name.*an array of 0/],
  [all, 'cache', ['a', ''], /cache name/],
  [all, 'cache', ['a', 5], /cache name/],
  [all, 'cache', null, /cache name.*null/],
  [all, 'cache', 5, /5 \(number\)/],
  [all, 'cache', Symbol('c'), /Symbol\(c\)/],
  [all, 'manager', null, /an object or a function.*null/],
  [all, 'manager', 'main', /an object or a function.*'main'/],
  [all, 'key', 'id', /a function.*'id'/],
  [all, 'key', null, /a function.*null/],
  [all, 'key', ['id'], /a function.*an array of 1/],
  [all, 'condition', true, /a function.*true/],
  [all, 'unless', 'x', /a function/],
  [all, 'tags', 'category', /an array or a function.*'category'/],
  [all, 'tags', [''], /tags must be.*not empty/],
  [all, 'tags', ['a', 5], /tags must be/],
  [all, 'tags', [null], /tags must be/],
  [['Cacheable', 'CachePut'], 'ttl', '5 minutes', /'5 minutes' is not a duration.*'5m'/],
  [['Cacheable', 'CachePut'], 'ttl', -1, /-1 is not a duration/],
  [['Cacheable', 'CachePut'], 'ttl', Number.NaN, /NaN is not a duration/],
  [['Cacheable', 'CachePut'], 'ttl', '', /'' is not a duration/],
  [['Cacheable', 'CachePut'], 'ttl', '1w', /'1w' is not a duration/],
  [['Cacheable', 'CachePut'], 'ttl', null, /null is not a duration/],
  [['Cacheable', 'CachePut'], 'ttl', {}, /is not a duration/],
  [['Cacheable', 'CachePut'], 'ttl', Object.create(null), /is not a duration/],
  [['CachePut', 'CacheEvict'], 'resultKey', 'id', /a function/],
  [
    ['CacheEvict'],
    'of',
    'Rows.find',
    /a function that answers with a class and the name of its method, `\(\) => .*'Rows\.find'/,
  ],
  [['CacheEvict'], 'of', [class {}, 'find'], /a function that answers with a class.*an array of 2/],
  [['CacheEvict'], 'args', ['id'], /a function/],
  [['CacheEvict'], 'resultArgs', 'id', /a function/],
  [['CacheEvict'], 'before', 'yes', /true or false.*'yes'/],
  [['CacheEvict'], 'before', 1, /true or false/],
  [['CacheEvict'], 'allEntries', 'true', /true or false/],
  [['Caching'], 'cacheable', {}, /an array/],
  [['Caching'], 'put', { cache: 'c' }, /an array/],
  [['Caching'], 'evict', null, /an array/],
]

describe('an option with a wrong value', () => {
  const rows = bad.flatMap(([names, option, value, rule]) => names.map((name) => [name, option, value, rule] as const))
  test.each(rows)('@%s, %s: %p', (name, option, value, rule) => {
    const error = refusalOf(use(name, { [option]: value }))
    expect(error.code).toBe('CW_OPTION_INVALID')
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toContain(`@${name} of Rows.find`)
    expect(error.message).toMatch(rule)
    if (option !== 'tags' || !Array.isArray(value)) expect(error.message).toContain(`\`${option}\``)
  })

  test.each([
    ['cache', ''],
    ['ttl', '5 minutes'],
    ['manager', 5],
  ])('@CacheConfig, %s: %p', (option, value) => {
    const error = refusalOf(use('CacheConfig', { [option]: value }), 'class')
    expect(error.code).toBe('CW_OPTION_INVALID')
    expect(error.message).toMatch(new RegExp(`@CacheConfig of Rows.*\`${option}\``))
  })

  test.each([...all, 'Caching'])('@%s: options that are no object', (name) => {
    for (const options of [null, 'products', 5, ['products'], true]) {
      const error = refusalOf(use(name, options))
      expect(error.code).toBe('CW_OPTION_INVALID')
      expect(error.message).toMatch(/Rows\.find: the options must be an object, got/)
    }
  })

  test.each<[string, object]>([
    ['cacheable', { cacheable: [{ ttl: '1w' }] }],
    ['put', { put: [{ key: 'id' }] }],
    ['evict', { evict: [{ before: 1 }] }],
    ['cacheable', { cacheable: [null] }],
    ['evict', { evict: ['products'] }],
  ])('@Caching, in its list %s', (_list, options) => {
    expect(refusalOf(use('Caching', options)).code).toBe('CW_OPTION_INVALID')
  })
})

describe('an option there is not', () => {
  test.each([
    ['Cacheable', 'tll', 'ttl'],
    ['Cacheable', 'keys', 'key'],
    ['Cacheable', 'cacheName', 'cache'],
    ['Cacheable', 'Tags', 'tags'],
    ['CachePut', 'resultkey', 'resultKey'],
    ['CacheEvict', 'allEntrys', 'allEntries'],
    ['CacheEvict', 'condtion', 'condition'],
    ['Caching', 'evicts', 'evict'],
    ['Caching', 'cachable', 'cacheable'],
  ])('@%s: `%s`, for which `%s` may have been meant', (name, option, meant) => {
    const error = refusalOf(use(name, { [option]: undefined }))
    expect(error.code).toBe('CW_OPTION_UNKNOWN')
    expect(error.message).toBe(`@${name} of Rows.find: there is no option \`${option}\`. Did you mean \`${meant}\`?`)
  })

  test.each([
    ['Cacheable', 'before'],
    ['Cacheable', 'allEntries'],
    ['Cacheable', 'resultKey'],
    ['CacheEvict', 'ttl'],
    ['CachePut', 'before'],
    ['Caching', 'whatever'],
    ['Cacheable', 'constructor'],
    ['Cacheable', 'toString'],
  ])('@%s: `%s`', (name, option) => {
    const error = refusalOf(use(name, { [option]: true }))
    expect(error.code).toBe('CW_OPTION_UNKNOWN')
    expect(error.message).toContain(`\`${option}\``)
  })

  test('@CacheConfig: `key`', () => {
    const error = refusalOf(use('CacheConfig', { key: () => 'k' }), 'class')
    expect(error).toMatchObject({ code: 'CW_OPTION_UNKNOWN' })
    expect(error.message).toMatch(/@CacheConfig of Rows.*`key`/)
  })
})

describe('two options that contradict each other', () => {
  const yes = () => 'k'
  test.each<[string, Record<string, unknown>]>([
    ['CachePut', { key: yes, resultKey: yes }],
    ['CacheEvict', { key: yes, resultKey: yes }],
    ['CacheEvict', { allEntries: true, key: yes }],
    ['CacheEvict', { allEntries: true, resultKey: yes }],
    ['CacheEvict', { allEntries: true, tags: ['t'] }],
    ['CacheEvict', { before: true, unless: () => false }],
    ['CacheEvict', { before: true, resultKey: yes }],
    ['CacheEvict', { of: yes, cache: 'c' }],
    ['CacheEvict', { of: yes, key: yes }],
    ['CacheEvict', { of: yes, resultKey: yes }],
    ['CacheEvict', { of: yes, keys: yes }],
    ['CacheEvict', { of: yes, tags: ['t'] }],
    ['CacheEvict', { of: yes, allEntries: true }],
    ['CacheEvict', { args: yes, resultArgs: yes }],
    ['CacheEvict', { before: true, resultArgs: yes }],
    ['CacheEvict', { afterError: true, resultArgs: yes }],
  ])('@%s: %j', (name, options) => {
    const error = refusalOf(use(name, options))
    expect(error.code).toBe('CW_OPTIONS_CONTRADICT')
    for (const option of Object.keys(options)) expect(error.message).toContain(`\`${option}\``)
    expect(error.message).toContain(`@${name} of Rows.find`)
  })

  test.each(['args', 'resultArgs'])('@CacheEvict: `%s` without `of`', (option) => {
    expect(refusalOf(use('CacheEvict', { cache: 'c', [option]: yes }))).toMatchObject({
      code: 'CW_OPTIONS_CONTRADICT',
      message: `@CacheEvict of Rows.find: option \`${option}\` needs \`of\`: it makes the arguments of the method that is named there.`,
    })
  })

  test('@CacheEvict: `of` where @CacheKey marks parameters', () => {
    expect(() => {
      class Rows {
        @CacheEvict({ of: () => [Rows, 'remove'] })
        async remove(@CacheKey() _id: string): Promise<void> {}
      }
      return Rows
    }).toThrow(/@CacheEvict of Rows\.remove: option `of` and @CacheKey contradict each other/)
  })

  test.each<[string, Record<string, unknown>]>([
    ['CacheEvict', { allEntries: false, key: yes }],
    ['CacheEvict', { before: false, unless: () => false }],
    ['CacheEvict', { key: yes, resultKey: undefined }],
    ['CacheEvict', { before: true, key: yes }],
    ['CacheEvict', { tags: ['t'], key: yes }],
    ['CacheEvict', { of: yes, before: true, expire: true, args: yes }],
    ['CacheEvict', { of: yes, allEntries: false, cache: undefined }],
  ])('but not @%s: %j', (name, options) => {
    expect(() => applyTo('method', use(name, options))).not.toThrow()
  })
})

describe('a decorator in the wrong place', () => {
  test.each([...all, 'Caching'])('@%s on an accessor, a property or a class', (name) => {
    for (const place of ['getter', 'property', 'class'] as const) {
      const error = refusalOf(use(name, {}), place)
      expect(error.code).toBe('CW_DECORATOR_MISPLACED')
      expect(error.message).toContain(`@${name}`)
      expect(error.message).toContain({ getter: 'an accessor', property: 'a property', class: 'a class' }[place])
    }
  })

  test('@CacheConfig on a method', () => {
    expect(refusalOf(use('CacheConfig', {}))).toMatchObject({ code: 'CW_DECORATOR_MISPLACED' })
  })

  test.each(all)('@%s written without its call does not take the method away in silence', (name) => {
    class Rows {
      async find(id: string): Promise<string> {
        return id
      }
    }
    const bare = decorators[name] as unknown as (target: object, name: string, its: PropertyDescriptor) => unknown
    const descriptor = Object.getOwnPropertyDescriptor(Rows.prototype, 'find') as PropertyDescriptor
    expect(() => bare(Rows.prototype, 'find', descriptor)).toThrow(
      expect.objectContaining({ code: 'CW_DECORATOR_MISPLACED' }) as Error,
    )
  })
})
