import { createHash } from 'node:crypto'

/** A Lua script with the digest by which the server knows it. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

/*
 * Each script is one atomic step of the protocol. KEYS[1] is the key of an entry, or the counter; a life of '' means
 * for ever. What is compared is the whole lease or the beginning of a frame, both of which carry random bytes.
 */

/** Takes a lease where there is nothing, or something that begins with ARGV[3]; answers what stands there otherwise. */
export const takeLease = script(`
local found = redis.call('GET', KEYS[1])
if found and (ARGV[3] == '' or string.sub(found, 1, #ARGV[3]) ~= ARGV[3]) then return found end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
`)

/** Prolongs a lease that still stands. */
export const renewLease = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`)

/** Gives back a lease that still stands. */
export const releaseLease = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`)

/** Puts a value in place of the lease, where that still stands. */
export const fillLease = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
`)

/** Answers the counter and the numbers of markers; a missing marker is created with the counter's present number. */
export const ensureMarkers = script(`
local counter = redis.call('GET', KEYS[1])
if not counter then
  local time = redis.call('TIME')
  counter = string.format('%.0f', time[1] * 1000000 + time[2])
  redis.call('SET', KEYS[1], counter)
end
local numbers = { counter }
for i = 2, #KEYS do
  local number = redis.call('GET', KEYS[i])
  if not number then
    number = counter
    redis.call('SET', KEYS[i], number, 'PX', 1000)
  end
  local left = redis.call('PTTL', KEYS[i])
  if ARGV[1] == '' then
    if left >= 0 then redis.call('PERSIST', KEYS[i]) end
  elseif left >= 0 and left < tonumber(ARGV[1]) then
    redis.call('PEXPIRE', KEYS[i], ARGV[1])
  end
  numbers[i] = number
end
return numbers
`)

/** Raises the counter above itself and the server's time, and sets markers to it. */
export const raiseMarkers = script(`
local time = redis.call('TIME')
local number = math.max(tonumber(redis.call('GET', KEYS[1]) or '0') + 1, time[1] * 1000000 + time[2])
local text = string.format('%.0f', number)
redis.call('SET', KEYS[1], text)
for i = 2, #KEYS do
  local left = redis.call('PTTL', KEYS[i])
  if left == -1 then redis.call('SET', KEYS[i], text)
  else redis.call('SET', KEYS[i], text, 'PX', math.max(left, tonumber(ARGV[1]))) end
end
return text
`)

/** What is loaded when a connection opens. */
export const scripts: readonly Script[] = [takeLease, renewLease, releaseLease, fillLease, ensureMarkers, raiseMarkers]
