-- The body is the last value of an entry, and its size is what the log's bytes count.
local function body_size(entry)
  local fields = entry[2]
  return #fields[#fields]
end

-- Reads the log from `start` to `stop` in the direction of `command` (XRANGE or XREVRANGE): at most `max_entries`
-- entries and `max_bytes` of bodies, but one entry if there is one. In chunks, since Lua copies what it reads.
local function read_page(command, log, start, stop, max_entries, max_bytes)
  local page, bytes = {}, 0
  while #page < max_entries do
    local chunk = redis.call(command, log, start, stop, 'COUNT', math.min(16, max_entries - #page))
    for _, entry in ipairs(chunk) do
      bytes = bytes + body_size(entry)
      if bytes > max_bytes and #page > 0 then
        return page
      end
      page[#page + 1] = entry
    end
    if #chunk == 0 then
      return page
    end
    start = '(' .. chunk[#chunk][1]
  end
  return page
end
