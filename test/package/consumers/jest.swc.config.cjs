const parser = { syntax: 'typescript', decorators: true }
const transform = { legacyDecorator: true, decoratorMetadata: true }

module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/service.spec.ts'],
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser, transform }, module: { type: 'commonjs' } }],
  },
}
