#!lua
--[[
Keeps what a replica says of itself until its time is over, and drops what is over. The key goes with the last of them.
KEYS   1 replicas: by replica the time in microseconds at which it is over, a colon, and what it said
ARGV   1  replica; 2  for how long in microseconds, 0: it is taken back; 3  what it says
Not fenced: what is lost here is said again.
]]
local replicas, replica, lasting = KEYS[1], ARGV[1], tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local said = redis.call('HGETALL', replicas)

local last = now + lasting
for i = 1, #said, 2 do
  local over = tonumber(string.match(said[i + 1], '^(%d+):')) or 0
  if over <= now then
    redis.call('HDEL', replicas, said[i])
  elseif said[i] ~= replica then
    last = math.max(last, over)
  end
end
if lasting > 0 then
  redis.call('HSET', replicas, replica, string.format('%.0f:', now + lasting) .. ARGV[3])
else
  redis.call('HDEL', replicas, replica)
end
redis.call('PEXPIREAT', replicas, string.format('%.0f', math.ceil(last / 1000)))
