#!lua
--[[
Appends entries to the log and writes the fields that they change, if the head is the expected one.
KEYS   1 state, 2 log
ARGV   1, 2  id and revision of the expected head
       3, 4  most entries and bytes that the log keeps
       5, 6  most entries and bytes of the log in the output
       7     1: write something in any case, so that a WAIT behind this has something to wait for
       8     number of entries, then for each: epoch, revision, id, body
       next  number of fields to set, then for each: field, value
       rest  the fields to delete
Output {1, commit time of the first entry; without entries: of the head}
       {0, epoch, revision and id of the head, the entries after the expected revision}
Redis keeps what a script wrote before it failed: everything that can fail stands before the first write.
]]
-- include read-page.lua

-- Lua passes at most some 8,000 arguments.
local SLICE = 1000

local function call_sliced(command, key, first, last)
  for from = first, last, SLICE do
    redis.call(command, key, unpack(ARGV, from, math.min(from + SLICE - 1, last)))
  end
end

local state, log = KEYS[1], KEYS[2]
local head = redis.call('HMGET', state, '@epoch', '@revision', '@head', '@time', '@bytes')
local epoch, revision, id = head[1] or '', head[2] or '0', head[3] or ''
local last_time = tonumber(head[4] or '0')
local length = redis.call('XLEN', log)
local max_entries, max_bytes = math.max(1, tonumber(ARGV[3])), tonumber(ARGV[4])
local count = tonumber(ARGV[8])

if ARGV[7] == '1' and (count == 0 or id ~= ARGV[1] or revision ~= ARGV[2]) then
  redis.call('HSET', state, '@waited', '1')
end

if id ~= ARGV[1] or revision ~= ARGV[2] then
  local missed = {}
  local behind = tonumber(revision) - tonumber(ARGV[2])
  if behind > 0 and behind <= tonumber(ARGV[5]) then
    missed = read_page('XRANGE', log, '(' .. ARGV[2] .. '-0', '+', tonumber(ARGV[5]), tonumber(ARGV[6]))
  end
  return {0, epoch, revision, id, missed}
end

if count == 0 then
  return {1, string.format('%.0f', last_time)}
end

local now = redis.call('TIME')
local first_time = math.max(now[1] * 1000000 + now[2], last_time + 1)
-- A log that was deleted takes its bytes along.
local bytes = length == 0 and 0 or tonumber(head[5] or '0')

-- XADD comes first: it refuses a revision that the log holds already, while nothing is written yet.
local at = 9
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

local trimmed
local start = '-'
while length > 1 and (length > max_entries or bytes > max_bytes) do
  local surplus = math.max(1, math.min(16, length - max_entries))
  for _, entry in ipairs(redis.call('XRANGE', log, start, '+', 'COUNT', surplus)) do
    trimmed = entry[1]
    bytes = bytes - body_size(entry)
    length = length - 1
  end
  start = '(' .. trimmed
end
if trimmed then
  redis.call('XTRIM', log, 'MINID', '=', (string.gsub(trimmed, '%-0$', '-1')))
end

redis.call('HSET', state, '@epoch', epoch, '@revision', revision, '@head', id,
  '@time', string.format('%.0f', last_time), '@bytes', string.format('%.0f', bytes))
local values = 2 * tonumber(ARGV[at])
call_sliced('HSET', state, at + 1, at + values)
call_sliced('HDEL', state, at + values + 1, #ARGV)
return {1, string.format('%.0f', first_time)}
