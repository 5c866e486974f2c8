#!lua flags=allow-oom
--[[
Reads the checkpoint and the newest entries of the log in one step.
KEYS   1 state, 2 log
ARGV   1, 2  most entries and bytes of the log in the output; 3  run_id of the server
Output {field, value, field, value, ...}, {newest entry, the one before, ...}, the clock in microseconds,
       1 while the store is interrupted, else 0
Never writes, and yet is no read-only script: see follow-2.lua.
]]
-- include read-page.lua
-- include fence.lua

local head = redis.call('HMGET', KEYS[1], '@head', '@run')
local now = redis.call('TIME')
return {
  redis.call('HGETALL', KEYS[1]),
  read_page('XREVRANGE', KEYS[2], '+', '-', tonumber(ARGV[1]), tonumber(ARGV[2])),
  string.format('%.0f', now[1] * 1000000 + now[2]),
  is_interrupted(head[1] or '', head[2], current_run(ARGV[3], true)) and 1 or 0,
}
