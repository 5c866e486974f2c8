#!lua flags=allow-oom
--[[
Reads what replicas say of themselves, as far as it is not over.
KEYS   1 replicas, as announce-1.lua keeps them
Output {replica, what it says, replica, what it says, ...}
Never writes, and yet is no read-only script: see follow-2.lua.
]]
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local said = redis.call('HGETALL', KEYS[1])

local current = {}
for i = 1, #said, 2 do
  local over, start = string.match(said[i + 1], '^(%d+):()')
  if over and tonumber(over) > now then
    current[#current + 1] = said[i]
    current[#current + 1] = string.sub(said[i + 1], start)
  end
end
return current
