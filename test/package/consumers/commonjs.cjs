const cachewright = require('cachewright')
const { redis } = require('cachewright/redis')
const { story } = require('./program.cjs')

async function main() {
  const sameCopy = (await import('cachewright')).Cacheable === cachewright.Cacheable
  const told = await story(cachewright, { redis })
  console.log(JSON.stringify({ sameCopy, ...told }))
}

main()
