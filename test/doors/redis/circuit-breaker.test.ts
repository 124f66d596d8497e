import { ManualClock } from 'cachewright/testing'
import { CircuitBreaker } from '../../../src/redis/circuit-breaker'

// C86, with the server's answers in hand.

const timeoutMs = 250
const giveUp = (): void => {}

function circuit() {
  const clock = new ManualClock()
  const probes: { readonly at: number; readonly answer: () => void; readonly fail: () => void }[] = []
  const changes: string[] = []
  // A turn of the event loop runs the timers, then reads the sockets, then runs the immediates.
  const readsSockets = jest.fn()
  const breaker = new CircuitBreaker({
    clock: {
      now: clock.now,
      setTimer: (callback, delayMs) =>
        clock.setTimer(() => {
          callback()
          readsSockets()
        }, delayMs),
    },
    timeoutMs,
    jitter: () => 1,
    probe: () =>
      new Promise<void>((resolve, reject) => {
        probes.push({ at: clock.now() - 1_000_000, answer: resolve, fail: () => reject(new Error('refused')) })
      }),
    onChange: (isOpen) => changes.push(isOpen ? 'open' : 'closed'),
  })
  return { clock, probes, changes, breaker, readsSockets }
}

test('C86 opens with the first command that is not answered in time', async () => {
  const { clock, changes, breaker } = circuit()
  breaker.sent(giveUp)
  await clock.advance(timeoutMs - 1)
  expect(breaker.isOpen).toBe(false)
  await clock.advance(1)
  expect(breaker.isOpen).toBe(true)
  expect(changes).toEqual(['open'])
})

test('who waits for an answer when it opens waits no longer', async () => {
  const { clock, breaker } = circuit()
  const [first, second, answered] = [jest.fn(), jest.fn(), jest.fn()]
  breaker.sent(answered)()
  breaker.sent(first)
  await clock.advance(200)
  breaker.sent(second)
  await clock.advance(50)
  expect([first, second, answered].map(({ mock }) => mock.calls.length)).toEqual([1, 1, 0])
})

test('C86 stays closed while each command is answered in time, however many are under way', async () => {
  const { clock, breaker } = circuit()
  let answered = breaker.sent(giveUp)
  for (let at = 0; at < 20; at++) {
    await clock.advance(100)
    const next = breaker.sent(giveUp)
    answered()
    answered = next
  }
  answered()
  await clock.advance(10_000)
  expect(breaker.isOpen).toBe(false)
  expect(clock.pending).toBe(0)
})

test('C86 one that is slow among many that are answered opens it: the answers come in order', async () => {
  const { clock, breaker } = circuit()
  breaker.sent(giveUp)
  await clock.advance(200)
  breaker.sent(giveUp)
  await clock.advance(50)
  expect(breaker.isOpen).toBe(true)
})

test('a process that was busy reads the answers that have come before it judges', async () => {
  const { clock, breaker } = circuit()
  const answered = breaker.sent(giveUp)
  clock.jump(10_000)
  setImmediate(answered)
  await clock.advance(0)
  expect(breaker.isOpen).toBe(false)
})

test('the server need not answer for what the process does before a command has left it', async () => {
  const { clock, breaker } = circuit()
  breaker.sent(giveUp)
  clock.jump(10_000)
  breaker.left()
  await clock.advance(timeoutMs - 1)
  expect(breaker.isOpen).toBe(false)
  await clock.advance(1)
  expect(breaker.isOpen).toBe(true)
})

test('a process that is busy with what it reads does so again', async () => {
  const { clock, breaker, readsSockets } = circuit()
  const first = breaker.sent(giveUp)
  readsSockets.mockImplementationOnce(() => {
    first()
    const second = breaker.sent(giveUp)
    clock.jump(timeoutMs + 50)
    readsSockets.mockImplementationOnce(second)
    setImmediate(readsSockets)
  })
  await clock.advance(timeoutMs)
  await clock.advance(10_000)
  expect(breaker.isOpen).toBe(false)
  expect(readsSockets).toHaveBeenCalledTimes(2)
})

test('C86 probes by itself, one at a time, with growing pauses, and closes with the first answer in time', async () => {
  const { clock, probes, changes, breaker } = circuit()
  breaker.sent(giveUp)
  await clock.advance(timeoutMs + 50)
  expect(probes.map(({ at }) => at)).toEqual([300])
  await clock.advance(5_000)
  expect(probes).toHaveLength(1)
  probes[0]!.answer()
  await clock.advance(100)
  expect(breaker.isOpen).toBe(true)
  expect(probes.map(({ at }) => at)).toEqual([300, 5_400])
  await clock.advance(249)
  probes[1]!.answer()
  await clock.advance(0)
  expect(breaker.isOpen).toBe(false)
  expect(changes).toEqual(['open', 'closed'])
})

test('the pauses end at half a second', async () => {
  const { clock, probes, breaker } = circuit()
  breaker.sent(giveUp)
  for (let probe = 0; probe < 8; probe++) {
    await clock.advance(2_000)
    probes.at(-1)!.answer()
    await clock.advance(0)
  }
  const gaps = probes.map(({ at }, index) => at - (probes[index - 1]?.at ?? 0) - (index === 0 ? 250 : 2_000))
  expect(Math.max(...gaps)).toBeLessThanOrEqual(500)
  expect(breaker.isOpen).toBe(true)
})

test('a server that refuses the probe answers', async () => {
  const { clock, probes, breaker } = circuit()
  breaker.sent(giveUp)
  await clock.advance(300)
  probes[0]!.fail()
  await clock.advance(0)
  expect(breaker.isOpen).toBe(false)
})

test('what was not answered before counts no more once it is closed', async () => {
  const { clock, probes, breaker } = circuit()
  breaker.sent(giveUp)
  await clock.advance(300)
  probes[0]!.answer()
  await clock.advance(0)
  breaker.sent(giveUp)()
  await clock.advance(10_000)
  expect(breaker.isOpen).toBe(false)
})

test('another connection begins anew, whatever becomes of the probe of the last one', async () => {
  const { clock, probes, changes, breaker } = circuit()
  breaker.sent(giveUp)
  await clock.advance(300)
  breaker.reset()
  expect(breaker.isOpen).toBe(false)
  breaker.sent(giveUp)
  await clock.advance(250)
  expect(breaker.isOpen).toBe(true)
  probes[0]!.answer()
  await clock.advance(0)
  expect(breaker.isOpen).toBe(true)
  breaker.reset()
  expect(clock.pending).toBe(0)
  expect(changes).toEqual(['open', 'closed', 'open', 'closed'])
})
