import { eventually } from '../../support/eventually'
import { gate } from '../../support/gate'
import { warningsDuring } from '../../support/warnings'

test('answers with what the check returns once it holds', async () => {
  let calls = 0
  const answer = await eventually(() => {
    calls += 1
    if (calls < 3) throw new Error('not yet')
    return calls
  })
  expect(answer).toBe(3)
  let turns = 0
  expect(await eventually(async () => ++turns > 40)).toBe(true)
  expect(await eventually(() => undefined)).toBeUndefined()
})

test('gives up with the reason of the last attempt', async () => {
  const never = eventually(() => expect(1).toBe(2), { within: 30, what: 'one is two' })
  await expect(never).rejects.toThrow(/^one is two: not so within 30 ms \(\d+ attempts\); last: expect/)
  await expect(eventually(() => false, { within: 10 })).rejects.toThrow(/last: it returned false$/)
})

test('gives up on a check that never settles', async () => {
  await expect(eventually(() => new Promise(() => {}), { within: 20 })).rejects.toThrow(
    /last: the check itself has not settled$/,
  )
})

test('a gate tells who stands at it and lets them through with a value or an error', async () => {
  const open = gate<number>()
  const first = open.pass()
  await open.entered
  expect(open.entries).toBe(1)
  open.open(7)
  expect(await first).toBe(7)
  expect(await open.pass()).toBe(7)

  const shut = gate()
  shut.fail(new Error('shut'))
  await expect(shut.pass()).rejects.toThrow('shut')
})

test('expected warnings are collected, with their kind and code', async () => {
  const warnings = await warningsDuring(async () => {
    process.emitWarning('plain')
    await Promise.resolve()
    process.emitWarning('coded', { type: 'OwnWarning', code: 'X' })
    process.emitWarning(new Error('made'), 'OldStyle', 'Y')
  })
  expect(warnings).toEqual([
    { message: 'plain' },
    { message: 'coded', type: 'OwnWarning', code: 'X' },
    { message: 'made', type: 'OldStyle', code: 'Y' },
  ])
})
