// npx jest --config samples/testing/jest.config.cjs
const parser = { syntax: 'typescript', decorators: true }
const transform = { legacyDecorator: true, decoratorMetadata: true }

module.exports = {
  rootDir: __dirname,
  testEnvironment: 'node',
  testMatch: ['<rootDir>/*.spec.ts'],
  transform: { '\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser, transform } }] },
  // A service has the package installed, and leaves this out.
  moduleNameMapper: {
    '^cachewright$': '<rootDir>/../../src/index.ts',
    '^cachewright/testing$': '<rootDir>/../../src/testing/index.ts',
  },
}
