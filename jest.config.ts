/** @jest-config-loader esbuild-register */
import type { Config } from 'jest'

type Transformer = [string, Record<string, unknown>]

const swc = (transform: Record<string, unknown>): Transformer => [
  '@swc/jest',
  { jsc: { target: 'es2022', parser: { syntax: 'typescript', decorators: true }, transform } },
]

const legacy = swc({ legacyDecorator: true, decoratorMetadata: true })
const standard = swc({ decoratorVersion: '2023-11' })

const config: Config = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/test/package/consumers'],
  moduleNameMapper: {
    '^cachewright$': '<rootDir>/src/index.ts',
    '^cachewright/redis$': '<rootDir>/src/redis/index.ts',
  },
  // The two decorator dialects are two languages to a compiler: files below test/standard are compiled as TC39 decorators.
  transform: { '/test/standard/.*\\.ts$': standard, '\\.ts$': legacy },
  // Noise in one test fails that test, not the process that runs the others.
  waitForUnhandledRejections: true,
  setupFiles: ['<rootDir>/test/support/setup.ts'],
}

export default config
