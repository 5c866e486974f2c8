#!lua flags=allow-oom
--[[
Reads what replicas say of themselves, as far as it is not over.
KEYS   1 replicas, as announce-1.lua keeps them
Output {replica, what it says, replica, what it says, ...}
Never writes, and yet is no read-only script: see follow-2.lua.
]]
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local current = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local replica, over = string.match(field, '^(.*):(%d+)$')
  if over and tonumber(over) > now then
    current[#current + 1] = replica
    -- One by one: a reply with all of them would be put together in ever larger pieces.
    current[#current + 1] = redis.call('HGET', KEYS[1], field)
  end
end
return current
