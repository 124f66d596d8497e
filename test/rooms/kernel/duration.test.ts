import { type Duration, isCacheError, milliseconds } from 'cachewright'
import { ManualClock } from 'cachewright/testing'
import { completeClock, systemClock } from '../../../src/kernel/clock'

describe('a duration', () => {
  test.each<[Duration, number]>([
    [0, 0],
    [-0, 0],
    [250, 250],
    [0.5, 0.5],
    ['250ms', 250],
    ['0s', 0],
    ['30s', 30_000],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['60d', 5_184_000_000],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ])('%p is %p ms', (duration, ms) => {
    expect(milliseconds(duration, 'ttl')).toBeCloseTo(ms, 9)
  })

  test.each<[unknown]>([
    ['5 minutes'],
    ['5 m'],
    [' 5m'],
    ['5m '],
    ['5m\n'],
    ['5M'],
    ['1w'],
    [''],
    ['5'],
    ['m'],
    ['-5m'],
    ['+5m'],
    ['.5m'],
    ['5.m'],
    ['1e3ms'],
    ['0x10ms'],
    ['Infinitys'],
    ['NaNms'],
    ['1m30s'],
    ['५m'],
    [-1],
    [Number.NaN],
    [Number.NEGATIVE_INFINITY],
    [5n],
    [true],
    [null],
    [undefined],
    [new Date(5)],
    [[5]],
    [{}],
    [Symbol('5m')],
    [Object.create(null)],
    [{ toString: () => Promise.reject }],
  ])('%p is refused, with the option, the value and the rule', (duration) => {
    let refusal: unknown
    try {
      milliseconds(duration as Duration, 'option `ttl` of somewhere')
    } catch (error) {
      refusal = error
    }
    if (!isCacheError(refusal)) throw refusal
    expect(refusal.code).toBe('CW_OPTION_INVALID')
    expect(refusal.message).toMatch(/^option `ttl` of somewhere: .* is not a duration\. Use milliseconds/s)
    if (typeof duration === 'string') expect(refusal.message).toContain(`'${duration}'`)
  })
})

describe('the system clock', () => {
  beforeEach(() => void jest.useFakeTimers())
  afterEach(() => void jest.useRealTimers())

  test.each([2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 + 5, 90 * 86_400_000])('waits %i ms, not less', (delay) => {
    const ring = jest.fn()
    systemClock.setTimer(ring, delay)
    jest.advanceTimersByTime(delay - 1)
    expect(ring).not.toHaveBeenCalled()
    jest.advanceTimersByTime(1)
    expect(ring).toHaveBeenCalledTimes(1)
    jest.advanceTimersByTime(2 ** 32)
    expect(ring).toHaveBeenCalledTimes(1)
    expect(jest.getTimerCount()).toBe(0)
  })

  test('can be told not to, also between the steps of a long wait', () => {
    const ring = jest.fn()
    const cancel = systemClock.setTimer(ring, 2 ** 32)
    jest.advanceTimersByTime(2 ** 31 + 10)
    cancel()
    cancel()
    jest.advanceTimersByTime(2 ** 33)
    expect(ring).not.toHaveBeenCalled()
    expect(jest.getTimerCount()).toBe(0)
  })

  test('sets no timer for ever, and rings at once for what is over', () => {
    const ring = jest.fn()
    systemClock.setTimer(ring, Number.POSITIVE_INFINITY)()
    expect(jest.getTimerCount()).toBe(0)
    systemClock.setTimer(ring, -5)
    jest.advanceTimersByTime(0)
    expect(ring).toHaveBeenCalledTimes(1)
  })
})

test('a clock without timers gets those of the system, and keeps its own `this`', () => {
  const clock = new ManualClock(7)
  const complete = completeClock({ now: clock.now })
  expect(complete.now()).toBe(7)
  const cancel = complete.setTimer(() => {}, 1_000)
  cancel()
  class Odd {
    at = 3
    now(): number {
      return this.at
    }
  }
  expect(completeClock(new Odd()).now()).toBe(3)
})
