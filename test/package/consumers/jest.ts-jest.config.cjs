const compilerOptions = {
  target: 'es2022',
  module: 'node16',
  moduleResolution: 'node16',
  strict: true,
  isolatedModules: false,
  esModuleInterop: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  types: ['jest', 'node'],
}

module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/service.spec.ts'],
  transform: { '\\.ts$': ['ts-jest', { tsconfig: compilerOptions }] },
}
