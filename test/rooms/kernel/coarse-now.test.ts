import { ManualClock } from 'cachewright/testing'
import { coarseNow, systemClock } from '../../../src/kernel/clock'

afterEach(() => void jest.restoreAllMocks())

test('the machine’s clock is read once in a turn of the event loop, and after sixteen readings', async () => {
  let time = 0
  const read = jest.spyOn(systemClock, 'now').mockImplementation(() => ++time)
  const now = coarseNow(systemClock)
  expect(Array.from({ length: 33 }, now)).toEqual([...Array<number>(16).fill(1), ...Array<number>(16).fill(2), 3])
  await null
  expect(now()).toBe(3)
  await new Promise((resolve) => setImmediate(resolve))
  expect(now()).toBe(4)
  expect(read).toHaveBeenCalledTimes(4)
})

test('a clock that was given is read each time', () => {
  const clock = new ManualClock(0)
  const now = coarseNow(clock)
  const readings = [now()]
  clock.jump(5)
  expect([...readings, now()]).toEqual([0, 5])
})
