import fc from 'fast-check'
import { Bulkhead, type Place } from '../../../src/policies/bulkhead'

const entered = async (place: Place | undefined): Promise<boolean> => {
  if (place === undefined) return false
  if (place.entered === undefined) return true
  return Promise.race([
    place.entered.then(
      () => true,
      () => false,
    ),
    new Promise<boolean>((go) => setImmediate(go, false)),
  ])
}

test('so many inside, so many waiting, the next turned away; first come, first served', async () => {
  const bulkhead = new Bulkhead({ maxInside: 2, maxWaiting: 2 })
  const places = [1, 2, 3, 4, 5].map(() => bulkhead.take(false))
  expect(await Promise.all(places.map(entered))).toEqual([true, true, false, false, false])
  expect(places[4]).toBeUndefined()
  expect([bulkhead.inside, bulkhead.waiting]).toEqual([2, 2])
  places[1]!.leave()
  expect(await entered(places[2])).toBe(true)
  expect(await entered(places[3])).toBe(false)
  places[0]!.leave()
  expect(await entered(places[3])).toBe(true)
  places[2]!.leave()
  places[3]!.leave()
  expect([bulkhead.inside, bulkhead.waiting]).toEqual([0, 0])
})

test('whom somebody inside waits for goes in at once, also out of the queue', async () => {
  const bulkhead = new Bulkhead({ maxInside: 1, maxWaiting: 2 })
  const first = bulkhead.take(false)!
  const queued = bulkhead.take(false)!
  expect(await entered(bulkhead.take(true))).toBe(true)
  queued.hurry()
  queued.hurry()
  expect(await entered(queued)).toBe(true)
  expect(bulkhead.inside).toBe(3)
  first.leave()
  expect(bulkhead.inside).toBe(2)
})

test('who gives up waiting leaves the queue, and no place is lost', async () => {
  const bulkhead = new Bulkhead({ maxInside: 1, maxWaiting: 2 })
  const first = bulkhead.take(false)!
  const [second, third] = [bulkhead.take(false)!, bulkhead.take(false)!]
  second.withdraw(new Error('left'))
  await expect(second.entered).rejects.toThrow('left')
  first.leave()
  expect(await entered(third)).toBe(true)
  third.withdraw(new Error('too late'))
  expect(bulkhead.inside).toBe(1)
})

test('the limits hold whatever comes and goes', async () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('take', 'leave', 'withdraw', 'hurry'), fc.nat(20)), { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      const bulkhead = new Bulkhead({ maxInside: 3, maxWaiting: 4 })
      const inside = new Set<Place>()
      const waiting = new Set<Place>()
      let hurried = 0
      for (const [what, index] of script) {
        const any = what === 'leave' ? [...inside] : [...waiting]
        const place = any[index % Math.max(1, any.length)]
        if (what === 'take') {
          const taken = bulkhead.take(false)
          if (taken === undefined) expect(waiting.size).toBe(4)
          else if (taken.entered === undefined) inside.add(taken)
          else {
            waiting.add(taken)
            taken.entered.then(
              () => waiting.delete(taken) && inside.add(taken),
              () => waiting.delete(taken),
            )
          }
        } else if (place !== undefined && what === 'leave') {
          inside.delete(place)
          place.leave()
        } else if (place !== undefined && what === 'withdraw') place.withdraw(new Error('left'))
        else if (place !== undefined) {
          place.hurry()
          hurried++
        }
        await new Promise((resolve) => setImmediate(resolve))
        expect([bulkhead.inside, bulkhead.waiting]).toEqual([inside.size, waiting.size])
        expect(bulkhead.inside).toBeLessThanOrEqual(3 + hurried)
        if (bulkhead.waiting > 0) expect(bulkhead.inside).toBeGreaterThanOrEqual(3)
      }
    }),
    { numRuns: 60 },
  )
})
