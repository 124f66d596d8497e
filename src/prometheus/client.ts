import { cacheError } from '../index'

/** What this door uses of `prom-client`. */
export type Client = Pick<typeof import('prom-client'), 'Counter' | 'Gauge' | 'Histogram' | 'register'>

/** Loaded when it is first needed, so that whoever does without it may open the door. @throws CW_PEER_MISSING */
export function loadClient(): Client {
  let client: Partial<Client>
  try {
    client = require('prom-client') as Partial<Client>
  } catch (error) {
    throw missing('cannot be loaded', error)
  }
  const { Counter, Gauge, Histogram, register } = client
  // Samples of counters are set from what the manager has counted; old versions cannot.
  if (Counter?.prototype.reset === undefined || Gauge === undefined || Histogram === undefined || !register) {
    throw missing('is a version that this door does not know')
  }
  return { Counter, Gauge, Histogram, register }
}

function missing(what: string, cause?: unknown): Error {
  return cacheError(
    'CW_PEER_MISSING',
    `cachewright/prometheus: the package 'prom-client' ${what}. Install major version 15: npm install prom-client@15`,
    cause,
  )
}
