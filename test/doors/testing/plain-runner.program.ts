import test from 'node:test'
import { codecContract, feedContract, sharedMemory, sharedStoreContract } from 'cachewright/testing'

// With nothing but the runner of Node.
const memory = sharedMemory()
sharedStoreContract({ test, store: () => memory })
feedContract({ test, store: () => memory })
codecContract({ test, types: [], samples: { date: () => new Date(5) } })
