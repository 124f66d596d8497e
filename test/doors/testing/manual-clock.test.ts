import { ManualClock } from 'cachewright/testing'

test('stands still until it is moved', async () => {
  const clock = new ManualClock(5)
  expect(clock.now()).toBe(5)
  await clock.advance(10)
  expect(clock.now()).toBe(15)
  clock.jump(3)
  expect(clock.now()).toBe(18)
  await clock.advance('2s')
  expect(clock.now()).toBe(2_018)
  await expect(clock.advance(-1)).rejects.toThrow('not a duration')
  expect(() => clock.jump(Number.NaN)).toThrow('not a duration')
})

test('runs timers at their own moment, in order, with those set on the way', async () => {
  const clock = new ManualClock(0)
  const ran: string[] = []
  const note = (name: string) => () => void ran.push(`${name} at ${clock.now()}`)
  clock.setTimer(note('late'), 30)
  clock.setTimer(note('first of two'), 10)
  clock.setTimer(note('second of two'), 10)
  clock.setTimer(() => {
    note('setter')()
    clock.setTimer(note('set on the way'), 5)
    clock.setTimer(note('too far'), 100)
  }, 20)
  await clock.advance(30)
  expect(ran).toEqual([
    'first of two at 10',
    'second of two at 10',
    'setter at 20',
    'set on the way at 25',
    'late at 30',
  ])
  expect(clock.pending).toBe(1)
})

test('a cancelled timer does not run', async () => {
  const clock = new ManualClock()
  const cancel = clock.setTimer(() => {
    throw new Error('cancelled, and yet it ran')
  }, 1)
  cancel()
  cancel()
  expect(clock.pending).toBe(0)
  await clock.advance(10)
})

test('promises settle before the first timer and after each', async () => {
  const clock = new ManualClock(0)
  const ran: string[] = []
  const timer = (ms: number): Promise<void> => new Promise((resolve) => void clock.setTimer(resolve, ms))
  const work = async (): Promise<void> => {
    await Promise.resolve()
    await timer(10)
    ran.push(`rang at ${clock.now()}`)
    await timer(10)
    ran.push(`rang at ${clock.now()}`)
  }
  void work()
  await clock.advance(25)
  expect(ran).toEqual(['rang at 10', 'rang at 20'])
})

test('after a jump, what is due runs late', async () => {
  const clock = new ManualClock(0)
  const ran: number[] = []
  clock.setTimer(() => void ran.push(clock.now()), 10)
  clock.jump(50)
  expect(ran).toEqual([])
  await clock.advance(0)
  expect(ran).toEqual([50])
})
