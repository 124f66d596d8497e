import { ManualClock } from 'cachewright/testing'
import { EvictionJournal } from '../../../src/coherence/eviction-journal'
import { gate } from '../../support/gate'

test('G5 an evict that fails while an older one of its key is being sent is sent too', async () => {
  const sending = gate()
  let sent = 0
  const journal = new EvictionJournal({
    clock: new ManualClock(),
    groups: (keys) => [keys],
    send: () => {
      sent++
      return sending.pass()
    },
    onChange: () => {},
  })
  journal.keep(['k'], 60_000)
  await sending.entered
  journal.keep(['k'], 60_000)
  const flushed = journal.flush()
  sending.open()
  await flushed
  expect(journal.holds('k')).toBe(true)
  await journal.flush()
  expect(journal.holds('k')).toBe(false)
  expect(sent).toBe(2)
  journal.close()
})

test('G5 a replay does not shorten the life of an eviction that was never sent', async () => {
  const clock = new ManualClock()
  let isUp = true
  const sent: string[] = []
  const journal = new EvictionJournal({
    clock,
    groups: (keys) => [keys],
    send: async (keys) => {
      if (!isUp) throw new Error('away')
      sent.push(...keys)
    },
    onChange: () => {},
  })
  journal.arrived(['k'])
  isUp = false
  journal.keep(['k'], 3_600_000)
  // Another server greets, and its connection breaks at once.
  journal.replay()
  await clock.advance(120_000)
  isUp = true
  journal.retryNow()
  await clock.advance(5_000)
  expect(sent).toEqual(['k'])
  journal.close()
})
