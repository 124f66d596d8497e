/*
 * The process of one contender: a service under constant load. Calls are made when they are due, whatever became of those
 * before, and what a caller waits counts from then: a service that stands still cannot hide it by being asked less.
 */
import { once } from 'node:events'
import { now, until } from './clock'
import { type Contender, makeContender } from './contender'
import type { Phase } from './phases'
import type { Call, ServiceOrder, ServiceRecord, Start, Uncaught, Word } from './record'
import { everyKey, requests } from './request'
import { Source } from './source'

const patienceMs = 3_000
const lookEveryMs = 20

// A timer is up to two milliseconds late; the rest is waited for turn by turn.
const timerLateMs = 2

type OpenCall = { -readonly [Name in keyof Call]: Call[Name] }

async function main(order: ServiceOrder): Promise<void> {
  // Whoever started this is gone: nobody waits for the record.
  process.once('disconnect', () => process.exit())
  const uncaught: Uncaught[] = []
  for (const event of ['unhandledRejection', 'uncaughtException'] as const) {
    process.on(event, (error: unknown) => uncaught.push({ at: now(), what: `${event}: ${String(error)}` }))
  }
  const source = new Source()
  const contender = await makeContender(order.contender, order.port, source)
  // One after the other, so that they do not all expire at once.
  for (const key of everyKey) await contender.ask(key)
  for (const { key } of requests(order.seed, 2_000)) await contender.ask(key)
  const started = once(process, 'message') as Promise<[Start]>
  say({ kind: 'ready' })
  const [{ startsAt }] = await started
  source.loads.length = 0
  const watch = watchAnswers(contender)
  followPhases(source, order.phases, startsAt)
  const calls = await makeCalls(contender, order, startsAt)
  const redisAnsweredAt = watch.stop()
  const record: ServiceRecord = { calls, loads: source.loads, redisAnsweredAt, uncaught }
  await Promise.race([contender.close().catch(() => {}), until(now() + patienceMs)])
  say({ kind: 'done', record }, () => process.exit())
}

function say(word: Word, then?: () => void): void {
  process.send!(word, undefined, undefined, () => then?.())
}

function followPhases(source: Source, phases: readonly Phase[], startsAt: number): void {
  for (const { fromMs, source: state } of phases) {
    setTimeout(
      () => {
        source.state = state
      },
      startsAt + fromMs - now(),
    )
  }
}

async function makeCalls(contender: Contender, order: ServiceOrder, startsAt: number): Promise<readonly Call[]> {
  const calls: Call[] = []
  const pending = new Set<Promise<void>>()
  for (const { key, dueMs } of requests(order.seed, order.phases.at(-1)!.toMs)) {
    const dueAt = startsAt + dueMs
    await until(dueAt - timerLateMs)
    while (now() < dueAt) await new Promise((resolve) => setImmediate(resolve))
    const call: OpenCall = { key, dueAt, sentAt: now() }
    calls.push(call)
    const ended = make(contender, call).finally(() => pending.delete(ended))
    pending.add(ended)
  }
  await Promise.race([Promise.all(pending), until(now() + patienceMs)])
  // Copies: one that is answered from now on was not answered.
  return calls.map((call) => ({ ...call }))
}

async function make(contender: Contender, call: OpenCall): Promise<void> {
  try {
    const { saidAt } = await contender.ask(call.key)
    call.endedAt = now()
    call.saidAt = saidAt
  } catch (error) {
    call.endedAt = now()
    call.error = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  }
}

function watchAnswers(contender: Contender): { stop(): readonly number[] | undefined } {
  const seenAt: number[] = []
  let last = contender.answersOfRedis()
  if (last === undefined) return { stop: () => undefined }
  const timer = setInterval(() => {
    const answers = contender.answersOfRedis()
    if (answers === last) return
    last = answers
    seenAt.push(now())
  }, lookEveryMs)
  return {
    stop: () => {
      clearInterval(timer)
      return seenAt
    },
  }
}

main(JSON.parse(process.argv[2]!) as ServiceOrder).catch((error: unknown) => {
  console.error(error)
  process.exit(1)
})
