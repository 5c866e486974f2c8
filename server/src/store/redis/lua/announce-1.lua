#!lua flags=allow-oom
--[[
Keeps what a replica says of itself until its time is over, and drops what is over. The key goes with the last of them.
KEYS   1 replicas: by replica, a colon and the time in microseconds at which it is over, what the replica said
ARGV   1  replica; 2  for how long in microseconds, 0: it is taken back; 3  what it says
The time stands in the field's name, so that nobody's words need be read, which may be long: Lua copies what it reads.
Not fenced: what is lost here is said again. allow-oom: it replaces what the replica said before, and where a full Redis
refused it, all watchers would lose their leases.
]]
local replicas, replica, lasting = KEYS[1], ARGV[1], tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local last = now + lasting
for _, field in ipairs(redis.call('HKEYS', replicas)) do
  local other, over = string.match(field, '^(.*):(%d+)$')
  if other == replica or (tonumber(over) or 0) <= now then
    redis.call('HDEL', replicas, field)
  else
    last = math.max(last, tonumber(over))
  end
end
if lasting > 0 then
  redis.call('HSET', replicas, string.format('%s:%.0f', replica, now + lasting), ARGV[3])
end
redis.call('PEXPIREAT', replicas, string.format('%.0f', math.ceil(last / 1000)))
