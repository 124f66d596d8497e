import { Cacheable, createCacheManager, detect } from 'cachewright'

test('detect tells of the reads of annotated methods', async () => {
  const manager = createCacheManager()
  class Rows {
    @Cacheable({ manager })
    async find(id: string): Promise<string> {
      return id
    }
  }
  const rows = new Rows()
  const { result, reads } = await detect(async () => [await rows.find('a'), await rows.find('a')])
  expect(result).toEqual(['a', 'a'])
  expect(reads.map(({ cache, key, from }) => [cache, key, from])).toEqual([
    ['Rows.find', 'a', 'source'],
    ['Rows.find', 'a', 'local'],
  ])
  await manager.close()
})
