#!lua
--[[
Appends entries to the log and writes the fields that they change, if the head is the expected one.
KEYS   1 state, 2 log
ARGV   1, 2  id and revision of the expected head
       3..5  most entries and bytes that the log keeps, and how long in microseconds (nothing: however long)
       6, 7  most entries and bytes of the log in the output
       8     1: write something in any case, so that a WAIT behind this has something to wait for
       9     run_id of the server
       10    number of entries, then for each: epoch, revision, id, body; the revisions ascend
       next  number of fields to set, then for each: field, value
       rest  the fields to delete
Output {1, commit time of the first entry; without entries: of the head}
       {0, epoch, revision and id of the head, the entries after the expected revision (none while interrupted)}
While the store is interrupted (see fence.lua) it takes only entries the first of which begins a new epoch.
Redis keeps what a script wrote before it failed: everything that can fail stands before the first write.
]]
-- include read-page.lua
-- include fence.lua

-- Lua passes at most some 8,000 arguments.
local SLICE = 1000

-- Redis serves nobody meanwhile: what bounds that were just set make superfluous goes over several commits.
local MAX_TRIMMED = 10000

local function call_sliced(command, key, first, last)
  for from = first, last, SLICE do
    redis.call(command, key, unpack(ARGV, from, math.min(from + SLICE - 1, last)))
  end
end

-- In microseconds. So soon after a commit no server has been demoted, has copied the data of another and was promoted.
local SOON = 10000

-- The one before the last value, as it is appended below.
local function commit_time(entry)
  local fields = entry[2]
  return tonumber(fields[#fields - 2]) or 0
end

local state, log = KEYS[1], KEYS[2]
local head = redis.call('HMGET', state, '@epoch', '@revision', '@head', '@time', '@bytes', '@run')
local epoch, revision, id = head[1] or '', head[2] or '0', head[3] or ''
local last_time = tonumber(head[4] or '0')
local length = redis.call('XLEN', log)
local max_entries, max_bytes, max_age = math.max(1, tonumber(ARGV[3])), tonumber(ARGV[4]), tonumber(ARGV[5])
local count = tonumber(ARGV[10])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local begins_epoch = count > 0 and ARGV[11] ~= epoch
local is_soon = last_time <= now and now < last_time + SOON
local run = current_run(ARGV[9], begins_epoch or not is_soon)
local interrupted = is_interrupted(id, head[6], run)
local is_conflict = id ~= ARGV[1] or revision ~= ARGV[2] or (interrupted and not begins_epoch)

if ARGV[8] == '1' and (count == 0 or is_conflict) then
  redis.call('HSET', state, '@waited', '1')
end

if is_conflict then
  local missed = {}
  if not interrupted then
    missed = read_page('XRANGE', log, '(' .. ARGV[2] .. '-0', '+', tonumber(ARGV[6]), tonumber(ARGV[7]))
  end
  return {0, epoch, revision, id, missed}
end

if count == 0 then
  return {1, string.format('%.0f', last_time)}
end

local first_time = math.max(now, last_time + 1)
-- A log that was deleted takes its bytes along.
local bytes = length == 0 and 0 or tonumber(head[5] or '0')

-- XADD comes first: it refuses a revision that the log holds already, while nothing is written yet.
local at = 11
for i = 1, count do
  local previous = id
  epoch, revision, id = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local body = ARGV[at + 3]
  last_time = first_time + i - 1
  redis.call('XADD', log, revision .. '-0', 'epoch', epoch, 'id', id, 'previous', previous,
    'time', string.format('%.0f', last_time), 'body', body)
  bytes = bytes + #body
  at = at + 4
end
length = length + count

-- The oldest entries go, until none is beyond a bound. The first young one tells the age of all after it.
local trimmed
local checks_age, step = max_age ~= nil, 1
local least = math.max(1, length - MAX_TRIMMED)
while length > least and (checks_age or length > max_entries or bytes > max_bytes) do
  local start = trimmed and '(' .. trimmed or '-'
  local surplus = math.max(step, math.min(16, length - max_entries))
  for _, entry in ipairs(redis.call('XRANGE', log, start, '+', 'COUNT', surplus)) do
    checks_age = checks_age and commit_time(entry) < first_time - max_age
    if length == least or not (checks_age or length > max_entries or bytes > max_bytes) then
      break
    end
    trimmed = entry[1]
    bytes = bytes - body_size(entry)
    length = length - 1
  end
  step = math.min(16, 2 * step)
end
if trimmed then
  redis.call('XTRIM', log, 'MINID', '=', (string.gsub(trimmed, '%-0$', '-1')))
end

redis.call('HSET', state, '@epoch', epoch, '@revision', revision, '@head', id,
  '@time', string.format('%.0f', last_time), '@bytes', string.format('%.0f', bytes))
if begins_epoch then
  redis.call('HSET', state, '@run', run)
end
local values = 2 * tonumber(ARGV[at])
call_sliced('HSET', state, at + 1, at + values)
call_sliced('HDEL', state, at + values + 1, #ARGV)
return {1, string.format('%.0f', first_time)}
