import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

// Each knows what stands below it.
const belowCache = ['kernel', 'events', 'codec', 'coherence', 'stores', 'policies', 'key']
const belowManager = [...belowCache, 'cache', 'metadata', 'queue']
// A handle is of a cached method or of a memo.
const belowInterceptor = [...belowManager, 'manager', 'memo']

/** Which rooms a room may import. What is not listed stays outside. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  events: ['kernel'],
  codec: ['kernel'],
  coherence: ['kernel'],
  stores: ['kernel', 'coherence'],
  policies: ['kernel'],
  key: ['kernel'],
  // An operation records the policies it names.
  metadata: ['kernel', 'policies'],
  // A memo needs no cache and no manager: keys and a table.
  memo: ['kernel', 'key', 'metadata'],
  // A cache takes keys as users write them, and a manager looks over what was recorded.
  cache: belowCache,
  // A worker runs outside of every request, as refreshes do; what waits is put and evicted by the manager.
  queue: ['kernel', 'events', 'stores', 'metadata', 'cache'],
  manager: belowManager,
  interceptor: belowInterceptor,
  decorators: [...belowInterceptor, 'interceptor'],
}

/** One folder = one subpath = at most one optional peer. They import what the root exports, nothing else of ours. */
const doors: readonly string[] = [
  'redis',
  'nestjs',
  'fastify',
  'express',
  'otel',
  'prometheus',
  'keyv',
  'testing',
  'cli',
  'drizzle',
  'knex',
  'prisma',
  'typeorm',
]

/** What doors share; no door themselves. */
const shared: Readonly<Record<string, readonly string[]>> = {
  http: ['nestjs', 'fastify', 'express'],
  orm: ['drizzle', 'knex', 'prisma', 'typeorm'],
}

/** What is not ours and not Node's, and the only place for it. */
const packages: Readonly<Record<string, readonly string[]>> = {
  'lru-cache': ['stores', 'cache'],
  'reflect-metadata': ['index', 'metadata'],
  ioredis: ['redis'],
  fastify: ['fastify'],
  '@nestjs/common': ['nestjs'],
  '@nestjs/core': ['nestjs'],
}

/** Time and chance come from one file, so that a test can hold them still. */
const timeSource =
  /\b(?:Date\.now|new Date\(\)|performance\.now|process\.hrtime|setTimeout|setInterval|Math\.random|node:timers)\b/g
const timeSources: readonly string[] = ['kernel/clock.ts']

const src = resolve(__dirname, '../../src')

interface SourceFile {
  /** As `kernel/clock.ts`. */
  readonly name: string
  /** The folder; `index` for the root file. */
  readonly room: string
  readonly code: string
  readonly imports: readonly string[]
}

function sourceFiles(): readonly SourceFile[] {
  const names = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  return names.map((path) => {
    const name = path.split(sep).join('/')
    const code = withoutComments(readFileSync(join(src, path), 'utf8'))
    const room = name.includes('/') ? (name.split('/')[0] as string) : name.replace(/\.ts$/, '')
    return { name, room, code, imports: importsOf(code) }
  })
}

/** Keeps strings as they are, since `'redis://…'` is no comment. */
function withoutComments(code: string): string {
  return code.replace(/('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/.*/g, '$1')
}

/** Types are imported like anything else: a room that knows another's types knows that room. */
function importsOf(code: string): readonly string[] {
  const from = /(?:^|[;\n])\s*(?:import|export)\b[^;'"`]*?\bfrom\s*['"]([^'"]+)['"]/g
  const bare = /(?:^|[;\n])\s*import\s*['"]([^'"]+)['"]/g
  const call = /\b(?:import|require)\s*\(\s*['"]([^'"]+)['"]\s*\)/g
  return [from, bare, call].flatMap((pattern) => [...code.matchAll(pattern)].map(([, target]) => target as string))
}

/** The room an import leads to, or the package. */
function destination(file: SourceFile, target: string): { room: string } | { package: string } {
  if (!target.startsWith('.')) {
    const [scope, name] = target.split('/')
    return { package: target.startsWith('@') ? `${scope}/${name}` : (scope as string) }
  }
  const [first] = relative(src, resolve(src, dirname(file.name), target)).split(sep)
  return { room: first === '' ? 'index' : (first as string) }
}

function objection(file: SourceFile, target: string): string | undefined {
  const to = destination(file, target)
  const { room } = file
  if ('package' in to) {
    if (target.startsWith('node:')) return undefined
    return packages[to.package]?.includes(room) ? undefined : `${to.package} does not belong in ${room}`
  }
  if (to.room === room) return undefined
  if (room === 'index') return to.room in rooms ? undefined : `the root exports no ${to.room}`
  if (doors.includes(room) || room in shared) {
    const may = to.room === 'index' || shared[to.room]?.includes(room)
    return may ? undefined : `a door imports only what the root exports, not ${to.room}`
  }
  return rooms[room]?.includes(to.room) ? undefined : `${room} must not know ${to.room}`
}

const files = sourceFiles()

test('the imports are really read', () => {
  const sample = `
    import type { A } from '../a'
    import {
      B, // from 'nowhere'
      C,
    } from "../b"
    export * from './c'
    import './d'
    /* import 'never' */
    const e = await import('./e'), f = require('./f'), url = 'redis://x' ; import g from './g'
  `
  expect(importsOf(withoutComments(sample)).toSorted()).toEqual(['../a', '../b', './c', './d', './e', './f', './g'])
  expect(files.length).toBeGreaterThan(0)
})

test('every file stands in a room or at a door', () => {
  const known = ['index', ...Object.keys(rooms), ...doors, ...Object.keys(shared)]
  expect(files.filter(({ room }) => !known.includes(room)).map(({ name }) => name)).toEqual([])
})

test('rooms, doors and the root import only what they may', () => {
  const objections = files.flatMap((file) =>
    file.imports.flatMap((target) => {
      const reason = objection(file, target)
      return reason === undefined ? [] : [`${file.name}: '${target}': ${reason}`]
    }),
  )
  expect(objections).toEqual([])
})

test('rooms do not import each other in a circle', () => {
  const graph = new Map<string, Set<string>>()
  for (const file of files) {
    const known = graph.get(file.room) ?? new Set()
    graph.set(file.room, known)
    for (const target of file.imports) {
      const to = destination(file, target)
      if ('room' in to && to.room !== file.room) known.add(to.room)
    }
  }
  expect(circle(graph)).toEqual([])
})

test('time and chance come from the clock alone', () => {
  const uses = files
    .filter(({ name }) => !timeSources.includes(name))
    .flatMap(({ name, code }) => [...code.matchAll(timeSource)].map(([use]) => `${name}: ${use}`))
  expect(uses).toEqual([])
})

/** The first circle found, as the way around it. */
function circle(graph: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
  const done = new Set<string>()
  const walk = (room: string, path: readonly string[]): readonly string[] => {
    if (path.includes(room)) return [...path.slice(path.indexOf(room)), room]
    if (done.has(room)) return []
    for (const next of graph.get(room) ?? []) {
      const found = walk(next, [...path, room])
      if (found.length > 0) return found
    }
    done.add(room)
    return []
  }
  for (const room of graph.keys()) {
    const found = walk(room, [])
    if (found.length > 0) return found
  }
  return []
}

test('a circle would be found', () => {
  const graph = new Map([
    ['a', new Set(['b', 'c'])],
    ['b', new Set(['c'])],
    ['c', new Set(['d'])],
    ['d', new Set(['b'])],
  ])
  expect(circle(graph)).toEqual(['b', 'c', 'd', 'b'])
})
