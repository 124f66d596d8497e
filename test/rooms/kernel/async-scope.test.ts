import { AsyncLocalStorage } from 'node:async_hooks'
import { AsyncScope } from '../../../src/kernel/async-scope'
import { systemClock } from '../../../src/kernel/clock'
import { gate } from '../../support/gate'
import { ManualClock } from '../../support/manual-clock'

let clock: ManualClock
let disabled: jest.SpyInstance
beforeEach(() => {
  clock = new ManualClock()
  jest.spyOn(systemClock, 'setTimer').mockImplementation(clock.setTimer)
  disabled = jest.spyOn(AsyncLocalStorage.prototype, 'disable')
})
afterEach(() => void jest.restoreAllMocks())

test('work is inside as far as its promises reach, and nothing else is', async () => {
  const scope = new AsyncScope<string>()
  const open = gate()
  const seen: unknown[] = []
  const { result, leave } = scope.enter('a', async () => {
    seen.push(scope.get())
    await open.pass()
    seen.push(scope.get())
    scope.within('b', () => seen.push(scope.get()))
    scope.within(undefined, () => seen.push(scope.get()))
  })
  expect(scope.get()).toBeUndefined()
  open.open()
  await result
  leave()
  expect(seen).toEqual(['a', 'a', 'b', undefined])
})

test('what was left running is in nothing once everybody has left', async () => {
  const scope = new AsyncScope<string>()
  const open = gate()
  const { result, leave } = scope.enter('a', () => open.pass().then(() => scope.get()))
  leave()
  open.open()
  expect(await result).toBeUndefined()
})

test('it is switched off when nobody has been inside for a second, and on again by the next', async () => {
  const scope = new AsyncScope<string>()
  scope.enter('a', () => {}).leave()
  await clock.advance(999)
  // Somebody has been inside since it was last looked at.
  await clock.advance(1)
  expect(disabled).not.toHaveBeenCalled()
  scope.enter('a', () => {}).leave()
  await clock.advance(1_000)
  expect(disabled).not.toHaveBeenCalled()
  await clock.advance(1_000)
  expect(disabled).toHaveBeenCalledTimes(1)
  expect(clock.pending).toBe(0)
  const { result, leave } = scope.enter('b', async () => {
    await null
    return scope.get()
  })
  expect(await result).toBe('b')
  leave()
  await clock.advance(2_000)
  expect(disabled).toHaveBeenCalledTimes(2)
})

test('it is not switched off while somebody is inside, however long', async () => {
  const scope = new AsyncScope<string>()
  const open = gate()
  const { result, leave } = scope.enter('a', async () => {
    await open.pass()
    return scope.get()
  })
  scope.enter('b', () => {}).leave()
  await clock.advance(10_000)
  expect(disabled).not.toHaveBeenCalled()
  open.open()
  expect(await result).toBe('a')
  leave()
  leave()
  await clock.advance(10_000)
  expect(disabled).toHaveBeenCalledTimes(1)
  expect(clock.pending).toBe(0)
})

test('work that throws at once leaves', () => {
  const scope = new AsyncScope<string>()
  expect(() =>
    scope.enter('a', () => {
      throw new Error('no')
    }),
  ).toThrow('no')
  expect(clock.pending).toBe(1)
})
