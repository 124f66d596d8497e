import { Cacheable, configureCaching, WriteBehind } from 'cachewright'

interface Reading {
  readonly sensor: string
  readonly celsius: number
}

class Sensors {
  readonly #table = new Map<string, Reading>()

  @Cacheable({ cache: 'readings' })
  async latest(sensor: string): Promise<Reading | undefined> {
    return this.#table.get(sensor)
  }

  /** Callers wait for the queue only; this is called with what many of them said, the newest of each sensor. */
  @WriteBehind({ cache: 'readings', key: (reading: Reading) => reading.sensor, batch: 100, maxDelay: '1s' })
  async report(readings: readonly Reading[]): Promise<void> {
    console.log(`  writing ${readings.map(({ sensor, celsius }) => `${sensor} ${celsius}`).join(', ')}`)
    for (const reading of readings) this.#table.set(reading.sensor, reading)
  }
}

export async function main(): Promise<void> {
  const caching = configureCaching()
  const sensors = new Sensors()
  const writes = caching.writes('readings')

  await sensors.report([{ sensor: 'attic', celsius: 31 }])
  await sensors.report([{ sensor: 'cellar', celsius: 12 }])
  await sensors.report([{ sensor: 'attic', celsius: 32 }])
  console.log(`${(await writes.counts()).pending} wait; the attic has ${(await sensors.latest('attic'))?.celsius}`)

  await caching.cache('readings').clear()
  console.log(`cleared, and not yet written: the attic has ${(await sensors.latest('attic'))?.celsius}`)

  await writes.flush()
  console.log(`${(await writes.counts()).pending} wait`)

  await sensors.report([{ sensor: 'cellar', celsius: 11 }])
  await caching.close()
}

if (require.main === module) void main()

/*
Expected output:

2 wait; the attic has 32
cleared, and not yet written: the attic has 32
  writing attic 32, cellar 12
0 wait
  writing cellar 11
*/
