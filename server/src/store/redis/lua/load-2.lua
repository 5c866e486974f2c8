#!lua flags=allow-oom
--[[
Reads the checkpoint and the newest entries of the log in one step.
KEYS   1 state, 2 log
ARGV   1, 2  most entries and bytes of the log in the output
Output {field, value, field, value, ...}, {newest entry, the one before, ...}
Never writes, and yet is no read-only script: see follow-2.lua.
]]
-- include read-page.lua

return {
  redis.call('HGETALL', KEYS[1]),
  read_page('XREVRANGE', KEYS[2], '+', '-', tonumber(ARGV[1]), tonumber(ARGV[2])),
}
