import { EvictionJournal } from '../../../src/coherence/eviction-journal'
import { gate } from '../../support/gate'
import { ManualClock } from '../../support/manual-clock'

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
