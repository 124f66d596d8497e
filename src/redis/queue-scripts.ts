import { script } from './script'

/*
 * The queue of a cache's writes. Its keys stand in one slot:
 *
 * | KEYS | what stands there |
 * |---|---|
 * | 1 `entries` | a stream: for each key that waits, in the order in which they are to be written, an entry that names it |
 * | 2 `values` | a hash: for each key the newest value, as `sequence:version:bytes` |
 * | 3 `taken` | a hash: the sequence of the value that a worker took last |
 * | 4 `failures` | a hash: how often the write of a key failed |
 * | 5 `buried` | a hash: what was given up, as `sequence:length:reason version:bytes`, without the blank |
 * | 6 `holder` | the worker that may take, while it lives |
 * | 7 `sequence` | the last sequence |
 *
 * A write for a key that waits takes the place of its value and leaves the entry; one for a key whose value a worker has taken
 * makes a new entry. So whoever settles what it took, however late, takes no entry away that a newer value needs: `taken` is
 * never lowered. A server that lost what it had, or a part of it, must not give a sequence out once more: they are its time
 * in microseconds.
 */

const sequenceOf = `
local function sequenceOf(value) return value and string.match(value, '^(%d+):') end`

const nextSequence = `
local function nextSequence()
  local time = redis.call('TIME')
  local last = tonumber(redis.call('GET', KEYS[7]) or 0)
  local sequence = string.format('%.0f', math.max(last + 1, time[1] * 1000000 + time[2]))
  redis.call('SET', KEYS[7], sequence)
  return sequence
end`

const group = "'writers'"

// What a server and a network carry well within any timeout; one value more than that goes alone.
const mostBytes = 4 * 2 ** 20

// ARGV are writes, one after the other: key, sequence, how many entries, and these.
const eachSettled = (act: string): string => `
local at = 1
while at <= #ARGV do
  local key, sequence, count = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  for i = at + 3, at + 2 + count do
    redis.call('XACK', KEYS[1], ${group}, ARGV[i])
    redis.call('XDEL', KEYS[1], ARGV[i])
  end
  at = at + 3 + count
  local value = redis.call('HGET', KEYS[2], key)
  local isNewest = sequenceOf(value) == sequence
  ${act}
  if isNewest then redis.call('HDEL', KEYS[2], key) end
  if redis.call('HGET', KEYS[3], key) == sequence then redis.call('HDEL', KEYS[3], key) end
  redis.call('HDEL', KEYS[4], key)
end`

/** The scripts of {@link RedisWriteQueue}. */
export const queueScripts = {
  /**
   * ARGV: how many keys may wait, then key, version and bytes of each write; a version is a text that sorts, or '': what is
   * older than what waits is accepted, and that stays. Answers how many were accepted, and which of them were older.
   */
  offerWrites: script(`#!lua
${sequenceOf}
${nextSequence}
local answer = { 0 }
for i = 2, #ARGV, 3 do
  local key, version = ARGV[i], ARGV[i + 1]
  local before = redis.call('HGET', KEYS[2], key)
  if not before and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[1]) then break end
  local newest = before and string.match(before, '^%d+:(%d+):')
  if not newest or version == '' or newest <= version then
    redis.call('HSET', KEYS[2], key, nextSequence() .. ':' .. version .. ':' .. ARGV[i + 2])
    if not before or redis.call('HGET', KEYS[3], key) == sequenceOf(before) then
      redis.call('XADD', KEYS[1], '*', 'key', key)
    end
    redis.call('HDEL', KEYS[5], key)
  else
    answer[#answer + 1] = answer[1]
  end
  answer[1] = answer[1] + 1
end
return answer
`),

  /** KEYS[1] is `values`; ARGV: keys. Answers their values, for as many as it has the room. */
  findWrites: script(`#!lua flags=no-writes
local found, bytes = {}, 0
for i = 1, #ARGV do
  found[i] = redis.call('HGET', KEYS[1], ARGV[i])
  bytes = bytes + (found[i] and #found[i] or 0)
  if bytes >= ${mostBytes} then break end
end
return found
`),

  /**
   * ARGV: worker, how many entries, how long to hold, and the entry behind which to begin, or ''. Answers with nothing if
   * another worker holds the queue, or else with key, value and entries of each write. What was taken before and not settled
   * comes first.
   */
  takeWrites: script(`#!lua flags=allow-oom
${sequenceOf}
local holder = redis.call('GET', KEYS[6])
if holder and holder ~= ARGV[1] then return false end
-- Who looks in vain changes nothing that would have to be logged and replicated.
if redis.call('XLEN', KEYS[1]) == 0 then
  if holder then redis.call('DEL', KEYS[6]) end
  return {}
end
redis.call('SET', KEYS[6], ARGV[1], 'PX', ARGV[3])
redis.pcall('XGROUP', 'CREATE', KEYS[1], ${group}, '0', 'MKSTREAM')
local most = tonumber(ARGV[2])
local first = ARGV[4] == '' and '0-0' or '(' .. ARGV[4]
local writes, byKey, count, bytes = {}, {}, 0, 0
repeat
  local entries = redis.call('XAUTOCLAIM', KEYS[1], ${group}, ARGV[1], 0, first, 'COUNT', most)[2]
  if #entries < most then
    local new = redis.call('XREADGROUP', 'GROUP', ${group}, ARGV[1], 'COUNT', most - #entries, 'STREAMS', KEYS[1], '>')
    for _, entry in ipairs(new and new[1] and new[1][2] or {}) do entries[#entries + 1] = entry end
  end
  count = #entries
  for _, entry in ipairs(entries) do
    local id, key = entry and entry[1], entry and entry[2] and entry[2][2]
    local write = key and byKey[key]
    local value = key and not write and redis.call('HGET', KEYS[2], key)
    if write then
      write[#write + 1] = id
    elseif value then
      bytes = bytes + #value
      if #writes > 0 and bytes > ${mostBytes} then break end
      redis.call('HSET', KEYS[3], key, sequenceOf(value))
      write = { key, value, id }
      byKey[key] = write
      writes[#writes + 1] = write
    elseif key then
      -- Its value went with an older entry.
      redis.call('XACK', KEYS[1], ${group}, id)
      redis.call('XDEL', KEYS[1], id)
    end
  end
until #writes > 0 or count == 0
if #writes == 0 and ARGV[4] == '' then redis.call('DEL', KEYS[6]) end
return writes
`),

  /** ARGV: worker, how long to hold. */
  holdWrites: script(`#!lua flags=allow-oom
if redis.call('GET', KEYS[6]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[6], ARGV[2])
`),

  /** ARGV: worker. */
  leaveWrites: script(`#!lua flags=allow-oom
if redis.call('GET', KEYS[6]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[6])
`),

  /** ARGV: writes. */
  settleWrites: script(`#!lua flags=allow-oom
${sequenceOf}
${eachSettled('')}
return 1
`),

  /** ARGV: keys. Answers how often each has failed; nothing is kept of those that do not wait any more. */
  blameWrites: script(`#!lua flags=allow-oom
local failures = {}
for i = 1, #ARGV do
  local waits = redis.call('HEXISTS', KEYS[2], ARGV[i]) == 1
  failures[i] = waits and redis.call('HINCRBY', KEYS[4], ARGV[i], 1) or 0
end
return failures
`),

  /** ARGV: the reason, then a write. */
  buryWrite: script(`#!lua flags=allow-oom
${sequenceOf}
local reason = table.remove(ARGV, 1)
${eachSettled(`if isNewest then
    local bytes = string.sub(value, #sequence + 2)
    redis.call('HSET', KEYS[5], key, sequence .. ':' .. #reason .. ':' .. reason .. bytes)
  end`)}
return 1
`),

  /** The entry that was made last. */
  markWrites: script(`#!lua flags=no-writes
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
return last[1] and last[1][1] or ''
`),

  /** ARGV: an entry. Answers whether those up to it are gone. */
  isPastWrites: script(`#!lua flags=no-writes
return #redis.call('XRANGE', KEYS[1], '-', ARGV[1], 'COUNT', 1) == 0 and 1 or 0
`),

  /** Answers how many keys wait, and how many were given up. */
  countWrites: script(`#!lua flags=no-writes
return { redis.call('HLEN', KEYS[2]), redis.call('HLEN', KEYS[5]) }
`),

  /** ARGV: how many at the most. Answers keys and what was given up in turn. */
  buriedWrites: script(`#!lua flags=no-writes
local most, cursor, first = 2 * tonumber(ARGV[1]), '0', {}
repeat
  local found
  cursor, found = unpack(redis.call('HSCAN', KEYS[5], cursor, 'COUNT', ARGV[1]))
  for i = 1, math.min(#found, most - #first) do first[#first + 1] = found[i] end
until cursor == '0' or #first == most
return first
`),

  /** Lets what was given up wait again. Answers how many those are. */
  reviveWrites: script(`#!lua
${nextSequence}
local found = redis.call('HGETALL', KEYS[5])
for i = 1, #found, 2 do
  local length, rest = string.match(found[i + 1], '^%d+:(%d+):(.*)$')
  redis.call('HSET', KEYS[2], found[i], nextSequence() .. ':' .. string.sub(rest, tonumber(length) + 1))
  redis.call('XADD', KEYS[1], '*', 'key', found[i])
end
redis.call('DEL', KEYS[5])
return #found / 2
`),

  /** Forgets what was given up. Answers how many those were. */
  discardWrites: script(`#!lua flags=allow-oom
local count = redis.call('HLEN', KEYS[5])
redis.call('DEL', KEYS[5])
return count
`),
} as const
