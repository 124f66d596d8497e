import { Cacheable, CacheConfig, CacheEvict, CachePut } from 'cachewright'
import type { Database } from './database'

export interface City {
  readonly id: number
  readonly name: string
  readonly country: string
  readonly population: number
  readonly longitude: number
  readonly latitude: number
  /** The number of the change that made this version; changes are numbered through the whole database. */
  readonly change: number
}

export interface CountrySummary {
  readonly country: string
  readonly cities: number
  readonly population: number
  readonly median: number
  /** The last change in this country. */
  readonly change: number
}

const tagOf = (country: string): string => `country:${country}`
const tagsOf = (cities: readonly City[]): string[] => [...new Set(cities.map(({ country }) => tagOf(country)))]

/**
 * The catalogue. Cities are kept by id; lists and summaries in a cache of their own, tagged with the countries of what
 * they show, so that a change in a country takes along whatever shows it.
 */
@CacheConfig({ cache: 'lists', ttl: '1m' })
export class CityService {
  constructor(private readonly database: Database) {}

  @Cacheable({ cache: 'cities', ttl: '2m', tags: (city: City | undefined) => (city ? [tagOf(city.country)] : []) })
  async byId(id: number): Promise<City | undefined> {
    return (await this.database.query<City>('select * from city where id = $1', [id]))[0]
  }

  @Cacheable({ key: (country: string, count: number) => ['largest', country, count], tags: tagsOf })
  async largest(country: string, count: number): Promise<City[]> {
    const sql = 'select * from city where country = $1 order by population desc, id limit $2'
    return this.database.query<City>(sql, [country, count])
  }

  @Cacheable({
    key: (country: string, prefix: string) => ['search', country, prefix.toLowerCase()],
    tags: (cities: City[], country: string) => [tagOf(country), ...tagsOf(cities)],
  })
  async search(country: string, prefix: string): Promise<City[]> {
    const sql = `select * from city where country = $1 and lower(name) like $2 order by population desc, id limit 10`
    return this.database.query<City>(sql, [country, `${prefix.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`])
  }

  /** The cities around a place, whatever country they are in. */
  @Cacheable({ key: (latitude: number, longitude: number) => ['near', latitude, longitude], tags: tagsOf })
  async near(latitude: number, longitude: number): Promise<City[]> {
    const sql = `select * from city where latitude between $1::float8 - 2 and $1 + 2 and longitude between $2::float8 - 2 and $2 + 2
      order by (latitude - $1) ^ 2 + (longitude - $2) ^ 2 limit 8`
    return this.database.query<City>(sql, [latitude, longitude])
  }

  @Cacheable({
    key: (country: string) => ['summary', country],
    tags: ({ country }: CountrySummary) => [tagOf(country)],
  })
  async summary(country: string): Promise<CountrySummary> {
    const sql = `select country, count(*)::int as cities, sum(population)::float8 as population,
      percentile_cont(0.5) within group (order by population) as median,
      (select change from country where code = country) as change from city where country = $1 group by country`
    return (await this.database.query<CountrySummary>(sql, [country]))[0]!
  }

  /** Puts the new version of the city, and lets go of the lists of its country. */
  @CachePut({ cache: 'cities', ttl: '2m', key: ({ id }: City) => id, tags: (city: City) => [tagOf(city.country)] })
  @CacheEvict({ cache: 'lists', tags: ({ country }: City) => [tagOf(country)] })
  async rename({ id, country }: City, name: string): Promise<City> {
    const sql = `with number as (update country set change = nextval('change') where code = $2 returning change)
      update city set name = $3, change = number.change from number where id = $1 returning city.*`
    return (await this.database.query<City>(sql, [id, country, name]))[0]!
  }

  /** Counts a whole country anew: whatever carries its tag goes, in every cache. @returns the number of the change */
  @CacheEvict({ cache: ['cities', 'lists'], tags: (country: string) => [tagOf(country)] })
  async census(country: string, growth: number): Promise<number> {
    const sql = `with number as (update country set change = nextval('change') where code = $1 returning change),
      counted as (update city set population = greatest(1, round(population * $2::float8)), change = number.change
        from number where country = $1)
      select change from number`
    return (await this.database.query<{ change: number }>(sql, [country, growth]))[0]!.change
  }
}
