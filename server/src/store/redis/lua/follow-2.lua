#!lua flags=allow-oom
--[[
Answers what was committed after an entry, and so whether that entry is still the head.
KEYS   1 state, 2 log
ARGV   1, 2  id and revision of the entry; 3, 4  most entries and bytes in the output; 5  run_id of the server
Output {epoch, revision and id of the head, the entries after the revision}; nothing while the store is interrupted
Never writes, and yet is no read-only script: only a master that takes writes runs it, so that a replica, or a
master that lost its replicas, confirms nothing. allow-oom: a full Redis can still be read.
]]
-- include read-page.lua
-- include fence.lua

local head = redis.call('HMGET', KEYS[1], '@epoch', '@revision', '@head', '@run')
local id = head[3] or ''
if is_interrupted(id, head[4], current_run(ARGV[5], true)) then
  return {}
end
local entries = {}
if id ~= ARGV[1] then
  entries = read_page('XRANGE', KEYS[2], '(' .. ARGV[2] .. '-0', '+', tonumber(ARGV[3]), tonumber(ARGV[4]))
end
return {head[1] or '', head[2] or '0', id, entries}
