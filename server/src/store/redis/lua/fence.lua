--[[
Tells whether the store may have lost changes that it had acknowledged: whether another server answers than the one
under which the current epoch was begun. A restart may bring back less than was acknowledged (no persistence, a
truncated AOF, a restored RDB), a failover the state of a replica that lagged. A PolicyStore replica that lags as far
would then go on with the epoch, and give out for the second time a revision that others have already seen. So
another server takes nothing but the begin of a new epoch, which is kept as `@run`:
- the server's run_id. Each start of Redis draws a new one. Who runs the script knows it from when it connected, and
  a connection does not outlive the server.
- its master_replid2, the history that it took over when it was last made a master. A master that was demoted and
  promoted again has its old run_id and the data of whoever was the master meanwhile; open connections survive that.
]]

-- What Redis shows before any promotion, and again when it has had no replicas for long.
local NEVER_PROMOTED = '0000000000000000000000000000000000000000'

-- `looks` false: takes it that nothing was promoted, and saves INFO, which would be a tenth of a commit.
local function current_run(run_id, looks)
  local promotion = NEVER_PROMOTED
  if looks then
    local info = redis.call('INFO', 'replication')
    local _, last = string.find(info, 'master_replid2:', 1, true)
    promotion = last and string.sub(info, last + 1, last + 40) or NEVER_PROMOTED
  end
  return run_id .. ':' .. promotion
end

-- A namespace that was never created, without a head, has nothing to lose.
local function is_interrupted(head_id, kept_run, run)
  if head_id == '' or kept_run == run then
    return false
  end
  local run_id = string.sub(run, 1, -41)
  return string.sub(run, -40) ~= NEVER_PROMOTED or string.sub(kept_run or '', 1, #run_id) ~= run_id
end
