#!lua flags=allow-oom
--[[
Reads one page of the log.
KEYS   1 state, 2 log
ARGV   1  XRANGE or XREVRANGE; 2, 3  where it starts and where it stops; 4, 5  most entries and bytes in the output
Output {revision of the head, id of the oldest entry or nothing, the entries}
Never writes, and yet is no read-only script: see follow-2.lua.
]]
-- include read-page.lua

local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
return {
  redis.call('HGET', KEYS[1], '@revision') or '0',
  oldest and oldest[1] or '',
  read_page(ARGV[1], KEYS[2], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])),
}
