// npx vitest run --root samples/testing
const source = (name) => new URL(`../../src/${name}`, import.meta.url).pathname

export default {
  test: { globals: true, include: ['*.spec.ts'] },
  // A service has the package installed, and leaves this out.
  resolve: {
    alias: [
      { find: /^cachewright$/, replacement: source('index.ts') },
      { find: /^cachewright\/testing$/, replacement: source('testing/index.ts') },
    ],
  },
}
