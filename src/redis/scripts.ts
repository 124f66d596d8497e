import { queueScripts } from './queue-scripts'
import { type Script, script } from './script'

/** How processes hear of what others change: from the server itself, or from the scripts that change it. */
export type FeedKind = 'tracking' | 'broadcast'

// Notes who writes a key (ARGV[1]) and when, and when anybody else last did: what the writer itself wrote in between must
// not hide that from a put of its own that began earlier.
const note = (key: string): string => `
local time = redis.call('TIME')
local writer, at, before = string.match(redis.call('GETEX', ${key}) or '', '^(%S+) (%d+) (%d+)')
local others = writer == ARGV[1] and before or at or '0'
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', ${key}, ARGV[1] .. ' ' .. now .. ' ' .. others, 'PX', ARGV[2])`

// Lives are prolonged to round moments, so that a marker many entries carry changes once in a life and not with each fill.
const prolong = `
  if ARGV[1] == '' then
    redis.call('PERSIST', KEYS[i])
  else
    local life = tonumber(ARGV[1])
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    redis.call('PEXPIREAT', KEYS[i], string.format('%.0f', math.ceil((now + life) / life) * life), 'GT')
  end`

/*
 * Each script is one atomic step of the protocol. KEYS[1] is the key of an entry, or the counter; a life of '' means
 * for ever. What is compared is the whole lease or the beginning of a frame, both of which carry random bytes.
 *
 * A read command in a script makes the server watch all the script's keys for this connection, and a write after it
 * would be told to ourselves. So scripts look with GETEX, which counts as a write, and read with GET only where the
 * answer is to be watched. And since a write lets all later ones through on a full server, each script says at its top
 * whether it may run there at all.
 *
 * For the broadcast feed each change is told by the script that makes it, to the channel and in the name that are its
 * last two arguments: embedded, they would make each process's scripts different ones. It is told first: a script that
 * fails halfway keeps what it has done, and nothing may be done that is not told.
 */

/** The scripts of one kind of feed; all of them are loaded when a connection opens. */
export type Scripts = ReturnType<typeof scriptsOf>

/** Makes the scripts of one kind of feed. */
export function scriptsOf(feed: FeedKind) {
  const tells = feed === 'broadcast'
  const tell = (key: string, call = 'call'): string =>
    tells ? `redis.${call}('PUBLISH', ARGV[#ARGV - 1], ARGV[#ARGV] .. ' ' .. ${key})` : ''
  return {
    ...queueScripts,

    /**
     * Takes a lease where there is nothing, or something that begins with ARGV[3] (if that is given, and nothing less);
     * answers, and watches, what stands there otherwise.
     */
    takeLease: script(`#!lua
local found = redis.call('GETEX', KEYS[1])
local over = ${tells ? 'ARGV[5] and ARGV[3]' : 'ARGV[3]'}
local isOver = over and (found == over or (over ~= '' and found and string.sub(found, 1, #over) == over))
if found and not isOver then return redis.call('GET', KEYS[1]) end
if found then ${tell('KEYS[1]')} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
`),

    /** Takes a lease on each key where nothing stands; answers which. */
    takeLeases: script(`#!lua
local taken = {}
for i = 1, #KEYS do
  taken[i] = redis.call('SET', KEYS[i], ARGV[i + 1], 'NX', 'PX', ARGV[1]) and 1 or 0
end
return taken
`),

    /** Prolongs a lease that still stands. */
    renewLease: script(`#!lua flags=allow-oom
if redis.call('GETEX', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`),

    /** The same for many; answers which. */
    renewLeases: script(`#!lua flags=allow-oom
local held = {}
for i = 1, #KEYS do
  held[i] = redis.call('GETEX', KEYS[i]) == ARGV[i + 1] and redis.call('PEXPIRE', KEYS[i], ARGV[1]) or 0
end
return held
`),

    /**
     * Gives back a lease that still stands; untold, if it has to be: who waits for it looks again by itself, and a lease
     * that stays keeps everybody waiting.
     */
    releaseLease: script(`#!lua flags=allow-oom
if redis.call('GETEX', KEYS[1]) ~= ARGV[1] then return 0 end
${tell('KEYS[1]', 'pcall')}
return redis.call('DEL', KEYS[1])
`),

    /** Puts a value in place of the lease, where that still stands. */
    fillLease: script(`#!lua
if redis.call('GETEX', KEYS[1]) ~= ARGV[1] then return 0 end
${tell('KEYS[1]')}
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
`),

    /** The same for many: of each key the lease, the value and its life. Answers which were filled, and watches all of them. */
    fillLeases: script(`#!lua
local filled = {}
for i = 1, #KEYS do
  local at = 3 * i - 2
  filled[i] = 0
  if redis.call('GETEX', KEYS[i]) == ARGV[at] then
    ${tell('KEYS[i]')}
    local life = ARGV[at + 2]
    if life == '' then redis.call('SET', KEYS[i], ARGV[at + 1]) else redis.call('SET', KEYS[i], ARGV[at + 1], 'PX', life) end
    filled[i] = 1
  end
end
redis.call('EXISTS', unpack(KEYS))
return filled
`),

    /**
     * The same for a value with a version (ARGV[4], a text that sorts): gives the lease back if a newer one was written, as
     * the note (KEYS[2]) says. The note learns the version and stays whose it is: a fill is no write. It lives for ARGV[5].
     */
    fillVersion: script(`#!lua
if redis.call('GETEX', KEYS[1]) ~= ARGV[1] then return 0 end
${tell('KEYS[1]')}
local by, version = string.match(redis.call('GETEX', KEYS[2]) or '', '^(%S+ %d+ %d+) ?(%S*)$')
if version and version > ARGV[4] then
  redis.call('DEL', KEYS[1])
  return 0
end
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
redis.call('SET', KEYS[2], (by or '- 0 0') .. ' ' .. ARGV[4], 'PX', ARGV[5])
return 1
`),

    /**
     * Puts a value in place of one that still begins with ARGV[1]; one with a version (ARGV[4], '' for none) only if no
     * newer one was written, as with `fillVersion`.
     */
    replaceEntry: script(`#!lua
local found = redis.call('GETEX', KEYS[1])
if not found or string.sub(found, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
if ARGV[4] ~= '' then
  local by, version = string.match(redis.call('GETEX', KEYS[2]) or '', '^(%S+ %d+ %d+) ?(%S*)$')
  if version and version > ARGV[4] then return 0 end
  redis.call('SET', KEYS[2], (by or '- 0 0') .. ' ' .. ARGV[4], 'PX', ARGV[5])
end
${tell('KEYS[1]')}
if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
`),

    /**
     * Deletes an entry, whatever it is, and notes when and by whom (KEYS[2]), for writes that began earlier and end later.
     */
    dropEntry: script(`#!lua flags=allow-oom
${tell('KEYS[1]')}
redis.call('UNLINK', KEYS[1])
${note('KEYS[2]')}
return 1
`),

    /**
     * Puts a value, unless another process has written the key since this write began (ARGV[3], or so long ago that the
     * note of it would be gone): nobody knows which value is the newer one then, so neither stays. Writes of one process
     * are told apart there, more exactly. With a version (ARGV[6], a text that sorts; '' for none) the newest stays: 2 says
     * that a newer one was written. The note lives for ARGV[7].
     */
    putEntry: script(`#!lua
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local writer, at, before, version = string.match(redis.call('GETEX', KEYS[2]) or '', '^(%S+) (%d+) (%d+) ?(%S*)$')
local others = writer == ARGV[1] and before or at or '0'
local isVersioned = ARGV[6] ~= '' and version and version ~= ''
if isVersioned and version > ARGV[6] then return 2 end
${tell('KEYS[1]')}
local isOverlapped = not isVersioned and tonumber(others) >= tonumber(ARGV[3])
isOverlapped = isOverlapped or now - tonumber(ARGV[3]) >= tonumber(ARGV[2])
if isOverlapped then
  redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. now .. ' ' .. others, 'PX', ARGV[2])
  redis.call('UNLINK', KEYS[1])
  return 0
end
redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. now .. ' ' .. others .. (ARGV[6] ~= '' and ' ' .. ARGV[6] or ''), 'PX', ARGV[7])
if ARGV[5] == '' then redis.call('SET', KEYS[1], ARGV[4]) else redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5]) end
return 1
`),

    /** Creates the markers that are missing, with the counter's present number, and the counter if that is missing. */
    ensureMarkers: script(`#!lua
local counter = redis.call('GETEX', KEYS[1])
if not tonumber(counter) then
  local time = redis.call('TIME')
  counter = string.format('%.0f', time[1] * 1000000 + time[2])
  ${tell('KEYS[1]')}
  redis.call('SET', KEYS[1], counter)
end
for i = 2, #KEYS do
  -- What is no number says nothing of evictions: as good as lost.
  if not tonumber(redis.call('GETEX', KEYS[i])) then
    ${tell('KEYS[i]')}
    redis.call('SET', KEYS[i], counter, 'PX', 1000)
  end
${prolong}
end
return 1
`),

    /**
     * The same for markers that stand in other slots than the counter: ARGV[2] is its number. Answers with those it created.
     */
    createMarkers: script(`#!lua
local created = {}
for i = 1, #KEYS do
  if not tonumber(redis.call('GETEX', KEYS[i])) then
    ${tell('KEYS[i]')}
    redis.call('SET', KEYS[i], ARGV[2], 'PX', 1000)
    created[#created + 1] = i
  end
${prolong}
end
return created
`),

    /** Sets markers to a number of the counter, unless they stand higher. */
    liftMarkers: script(`#!lua flags=allow-oom
for i = 1, #KEYS do
  if (tonumber(redis.call('GETEX', KEYS[i])) or 0) < tonumber(ARGV[1]) then
    ${tell('KEYS[i]')}
    redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2])
  end
end
return 1
`),

    /** Notes a write as `dropEntry` does, where the key itself has to be deleted by a command of its own. */
    noteWrite: script(`#!lua flags=allow-oom
${note('KEYS[1]')}
return 1
`),

    /** The second half of `noteWrite`. */
    unlinkEntry: script(`#!lua flags=allow-oom
${tell('KEYS[1]')}
return redis.call('UNLINK', KEYS[1])
`),

    /** Raises the counter above itself and the server's time, and sets markers to it. */
    raiseMarkers: script(`#!lua flags=allow-oom
local time = redis.call('TIME')
local number = math.max((tonumber(redis.call('GETEX', KEYS[1])) or 0) + 1, time[1] * 1000000 + time[2])
local text = string.format('%.0f', number)
for i = 1, #KEYS do ${tell('KEYS[i]')} end
redis.call('SET', KEYS[1], text)
for i = 2, #KEYS do redis.call('SET', KEYS[i], text, 'PX', ARGV[1]) end
return text
`),

    /**
     * Notes the kind of feed of a process that is here (ARGV[1], for ARGV[2]) and answers with the kind that was noted.
     * Those that tell nobody prevail: the others have to know of them.
     */
    noteFeed: script(`#!lua flags=allow-oom
local noted = redis.call('GETEX', KEYS[1])
if ARGV[1] == 'tracking' or not noted then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return noted
`),

    /**
     * Writes nothing, but counts as a script that may: a replica, a node that has lost the key's slot and a primary that may
     * not write alone refuse it.
     */
    heartbeat: script(`#!lua flags=allow-oom
return 1
`),
  } as const satisfies Record<string, Script>
}
