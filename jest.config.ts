/** @jest-config-loader esbuild-register */
import type { Config } from 'jest'

type Transformer = [string, Record<string, unknown>]

const swc = (transform: Record<string, unknown>): Transformer => [
  '@swc/jest',
  { jsc: { target: 'es2022', parser: { syntax: 'typescript', decorators: true }, transform } },
]

const legacy = swc({ legacyDecorator: true, decoratorMetadata: true })
const standard = swc({ decoratorVersion: '2023-11' })

// What holds for the tests of either dialect.
const common: Config = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/test/package/consumers'],
  moduleNameMapper: {
    '^cachewright$': '<rootDir>/src/index.ts',
    '^cachewright/(\\w+)$': '<rootDir>/src/$1/index.ts',
  },
  // Noise in one test fails that test, not the process that runs the others.
  waitForUnhandledRejections: true,
  setupFiles: ['<rootDir>/test/support/setup.ts'],
}

// The two decorator dialects are two languages to a compiler: test/standard is compiled as TC39 decorators, test/dialects
// as both, one after the other.
const config: Config = {
  projects: [
    {
      ...common,
      displayName: 'legacy',
      testMatch: ['<rootDir>/test/!(standard)/**/*.test.ts', '<rootDir>/test/*.test.ts'],
      transform: { '\\.ts$': legacy },
    },
    {
      ...common,
      displayName: 'standard',
      testMatch: ['<rootDir>/test/{standard,dialects}/**/*.test.ts'],
      transform: { '\\.ts$': standard },
    },
  ],
}

export default config
