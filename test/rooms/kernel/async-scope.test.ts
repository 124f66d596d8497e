import { AsyncLocalStorage } from 'node:async_hooks'
import { AsyncScope } from '../../../src/kernel/async-scope'
import { gate } from '../../support/gate'

let disabled: jest.SpyInstance
beforeEach(() => {
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

test('it is switched off when the last one leaves, and on again by the next', async () => {
  const scope = new AsyncScope<string>()
  const work = async (): Promise<unknown> => {
    await null
    return scope.get()
  }
  const [one, two] = [scope.enter('a', work), scope.enter('b', work)]
  one.leave()
  one.leave()
  expect(disabled).not.toHaveBeenCalled()
  expect(await two.result).toBe('b')
  two.leave()
  expect(disabled).toHaveBeenCalledTimes(1)
  const three = scope.enter('c', work)
  expect(await three.result).toBe('c')
  three.leave()
  expect(disabled).toHaveBeenCalledTimes(2)
})

test('work that throws at once leaves', () => {
  const scope = new AsyncScope<string>()
  const fails = (): never => {
    throw new Error('no')
  }
  expect(() => scope.enter('a', fails)).toThrow('no')
  expect(disabled).toHaveBeenCalledTimes(1)
})

test('others’ storages go on while it is switched off in the middle of a promise', async () => {
  const [scope, other] = [new AsyncScope<string>(), new AsyncLocalStorage<string>()]
  const seen = await other.run('kept', async () => {
    const { result, leave } = scope.enter('a', async () => {
      await null
      return other.getStore()
    })
    const inside = await result
    leave()
    await null
    const after = await Promise.resolve().then(() => other.getStore())
    return [inside, after, other.getStore()]
  })
  expect(seen).toEqual(['kept', 'kept', 'kept'])
})
