import { PrismaPg } from '@prisma/adapter-pg'
import { getPrismaClient } from '@prisma/client/runtime/client'

/*
 * The client of Prisma that `prisma generate` makes of this schema, without its types. What is written here is what it
 * writes; the command itself fetches a program from the network, which a test must not need.
 */
const inlineSchema = `
generator client {
  provider = "prisma-client-js"
}

datasource db {
  provider = "postgresql"
}

model Account {
  id      Int @id
  balance Int
}
`

const scalar = (name: string) => ({ name, kind: 'scalar', type: 'Int' })
const runtimeDataModel = {
  models: { Account: { fields: [scalar('id'), scalar('balance')], dbName: null, schema: null } },
  enums: {},
  types: {},
}

const parameterizationSchema = {
  strings: [
    'where',
    'Account.findUnique',
    'Account.findUniqueOrThrow',
    'orderBy',
    'cursor',
    'Account.findFirst',
    'Account.findFirstOrThrow',
    'Account.findMany',
    'data',
    'Account.createOne',
    'Account.createMany',
    'Account.createManyAndReturn',
    'Account.updateOne',
    'Account.updateMany',
    'Account.updateManyAndReturn',
    'create',
    'update',
    'Account.upsertOne',
    'Account.deleteOne',
    'Account.deleteMany',
    'having',
    '_count',
    '_avg',
    '_sum',
    '_min',
    '_max',
    'Account.groupBy',
    'Account.aggregate',
    'AND',
    'OR',
    'NOT',
    'id',
    'balance',
    'equals',
    'in',
    'notIn',
    'lt',
    'lte',
    'gt',
    'gte',
    'not',
    'set',
    'increment',
    'decrement',
    'multiply',
    'divide',
  ],
  graph: [
    'JgsQBRwAAB8AMB0AAAQAEB4AAB8AMB8CAAAAASACACAAIQEAAAABACABAAAAAQAgBRwAAB8AMB0AAAQAEB4AAB8AMB8CACAAISACACAAIQADAA',
    'AABAAgAwAABQAwBAAAAQAgAwAAAAQAIAMAAAUAMAQAAAEAIAMAAAAEACADAAAFADAEAAABACACHwIAAAABIAIAAAABAQgAAAkAIAIfAgAAAAEg',
    'AgAAAAEBCAAACwAwAQgAAAsAMAIfAgAmACEgAgAmACECAAAAAQAgCAAADgAgAh8CACYAISACACYAIQIAAAAEACAIAAAQACACAAAABAAgCAAAEA',
    'AgAwAAAAEAIA8AAAkAIBAAAA4AIAEAAAABACABAAAABAAgBRUAACEAIBYAACIAIBcAACUAIBgAACQAIBkAACMAIAUcAAAaADAdAAAXABAeAAAa',
    'ADAfAgAbACEgAgAbACEDAAAABAAgAwAAFgAwFAAAFwAgAwAAAAQAIAMAAAUAMAQAAAEAIAUcAAAaADAdAAAXABAeAAAaADAfAgAbACEgAgAbAC',
    'ENFQAAHQAgFgAAHgAgFwAAHQAgGAAAHQAgGQAAHQAgIQIAAAABIgIAAAAEIwIAAAAEJAIAAAABJQIAAAABJgIAAAABJwIAAAABKAIAHAAhDRUA',
    'AB0AIBYAAB4AIBcAAB0AIBgAAB0AIBkAAB0AICECAAAAASICAAAABCMCAAAABCQCAAAAASUCAAAAASYCAAAAAScCAAAAASgCABwAIQghAgAAAA',
    'EiAgAAAAQjAgAAAAQkAgAAAAElAgAAAAEmAgAAAAEnAgAAAAEoAgAdACEIIQgAAAABIggAAAAEIwgAAAAEJAgAAAABJQgAAAABJggAAAABJwgA',
    'AAABKAgAHgAhBRwAAB8AMB0AAAQAEB4AAB8AMB8CACAAISACACAAIQghAgAAAAEiAgAAAAQjAgAAAAQkAgAAAAElAgAAAAEmAgAAAAEnAgAAAA',
    'EoAgAdACEAAAAAAAUpAgAAAAEqAgAAAAErAgAAAAEsAgAAAAEtAgAAAAEAAAAABRUABhYABxcACBgACRkACgAAAAAABRUABhYABxcACBgACRkA',
    'CgECAQIDAQUGAQYHAQcIAQkKAQoMAgsNAwwPAQ0RAg4SBBETARIUARMVAhoYBRsZCw',
  ].join(''),
}

const wasm = '@prisma/client/runtime/query_compiler_fast_bg.postgresql'
// No DOM, no type of it.
const { WebAssembly } = globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => unknown } }
const compilerWasm = {
  getRuntime: async () => require(`${wasm}.js`),
  getQueryCompilerWasmModule: async () =>
    new WebAssembly.Module(Buffer.from((require(`${wasm}.wasm-base64.js`) as { wasm: string }).wasm, 'base64')),
  importName: './query_compiler_fast_bg.js',
}

const PrismaClient = getPrismaClient({
  previewFeatures: [],
  clientVersion: '7.10.0',
  engineVersion: 'd1b3f377ca835d73fd50954a5e22128b9ebdd6b8',
  activeProvider: 'postgresql',
  inlineSchema,
  runtimeDataModel,
  parameterizationSchema,
  compilerWasm,
} as unknown as Parameters<typeof getPrismaClient>[0])

export interface Account {
  readonly id: number
  readonly balance: number
}

interface Options {
  readonly isolationLevel?: string
  readonly timeout?: number
}

/** What the tests use of a generated client; a transaction's has the same. */
export interface AccountsClient {
  readonly account: {
    findUnique(args: { readonly where: { readonly id: number } }): Promise<Account | null>
    update(args: { readonly where: { readonly id: number }; readonly data: Partial<Account> }): Promise<Account>
  }
  $queryRawUnsafe<Rows>(sql: string): Promise<Rows>
  $executeRawUnsafe(sql: string): Promise<number>
  $transaction<Result>(work: (tx: AccountsClient) => Promise<Result>, options?: Options): Promise<Result>
  $transaction(queries: readonly Promise<unknown>[], options?: Options): Promise<unknown[]>
  $extends(extension: unknown): AccountsClient
  $disconnect(): Promise<void>
}

/** A client of the table `Account` at an address. */
export function prismaClient(connectionString: string): AccountsClient {
  return new PrismaClient({ adapter: new PrismaPg({ connectionString }) } as never) as unknown as AccountsClient
}
