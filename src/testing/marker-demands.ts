import assert from 'node:assert/strict'
import { type Demand, longMs, shortMs } from './contract'

/** What a store owes to those who evict by tags. */
export const markers: Readonly<Record<string, Demand>> = {
  'has no number for what was never there': async (its) => {
    const { store } = await its.process()
    const { counter, markers } = await store.readMarkers([its.marker('a'), its.marker('b')])
    assert.deepEqual([counter.number, ...markers.map(({ number }) => number)], [undefined, undefined, undefined])
  },
  'creates what is missing with the number of the counter, and leaves the rest': async (its) => {
    const [one, two] = await its.pair()
    const first = await one.store.ensureMarkers([its.marker('a')], longMs)
    assert.ok(Number.isFinite(first.counter.number), 'the counter was not created')
    assert.equal(first.markers[0]!.number, first.counter.number)
    const raised = await two.store.raiseMarkers([its.marker('other')], longMs)
    const second = await two.store.ensureMarkers([its.marker('a'), its.marker('b')], longMs)
    assert.deepEqual(
      [second.counter.number, ...second.markers.map(({ number }) => number)],
      [raised, first.markers[0]!.number, raised],
    )
  },
  'raises the counter above all that was, and the markers to it': async (its) => {
    const [one, two] = await its.pair()
    await one.store.ensureMarkers([its.marker('a'), its.marker('b')], longMs)
    const numbers: number[] = []
    for (const { store } of [one, two, one]) numbers.push(await store.raiseMarkers([its.marker('a')], longMs))
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].toSorted((first, second) => first - second),
      'numbers must rise',
    )
    const { counter, markers } = await two.store.readMarkers([its.marker('a'), its.marker('b')])
    assert.equal(counter.number, numbers[2])
    assert.equal(markers[0]!.number, numbers[2])
    assert.ok(markers[1]!.number! < numbers[0]!, 'a marker was raised that was not named')
  },
  'raises the counter although no marker is named': async (its) => {
    const { store } = await its.process()
    const first = await store.raiseMarkers([], longMs)
    assert.ok((await store.raiseMarkers([], longMs)) > first)
  },
  'never lowers a number, whoever raises it at the same time': async (its) => {
    const processes = [...(await its.pair()), ...(await its.pair())]
    const raised = await Promise.all(processes.map(({ store }) => store.raiseMarkers([its.marker()], longMs)))
    const { counter, markers } = await processes[0]!.store.readMarkers([its.marker()])
    assert.equal(counter.number, Math.max(...raised))
    assert.equal(markers[0]!.number, Math.max(...raised))
  },
  'lets markers live as long as they were asked for, and not less for being asked for again': async (its) => {
    const { store } = await its.process()
    await store.ensureMarkers([its.marker('long')], longMs)
    const { markers } = await store.ensureMarkers([its.marker('long'), its.marker('endless')], shortMs)
    await store.ensureMarkers([its.marker('endless')], Number.POSITIVE_INFINITY)
    await its.pass(3 * shortMs)
    const after = await store.readMarkers([its.marker('long'), its.marker('endless')])
    assert.deepEqual(
      after.markers.map(({ number }) => number),
      markers.map(({ number }) => number),
    )
  },
}
