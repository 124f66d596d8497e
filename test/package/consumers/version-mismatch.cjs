const { isCacheError } = require('cachewright')
const { errorOf, productService } = require('./program.cjs')

// Where a copy of the package tells the others what was configured; this one speaks another language.
globalThis[Symbol.for('cachewright.configured')] = { protocol: 999, manager: {} }

async function main() {
  const error = await errorOf(() => productService(require('cachewright')).findById('1'))
  console.log(JSON.stringify({ code: error?.code, known: isCacheError(error) }))
}

main()
