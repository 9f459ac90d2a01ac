#!lua
-- end_combos: append one closing event for each open combo whose window has passed. Run when the announcer has
-- caught up: `caught up` is a time up to which every gift of that partition has been announced.
--
-- KEYS  1 state, 2 top, 3 names, 4 anonymous, 5 combos, 6 due, 7 frames
-- ARGV  1 channel, 2 folds kept, 3 most combos ended in one call, then pairs of p and caught up (ms)
-- Reply {'ok', ended, combos still open} {'missing'} (no state, or another owner's: announce first)

local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local meta = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'offset', 'coins', 'gifts', 'senders', 'points')
if meta[1] ~= replid then return { 'missing' } end

local caught_up, latest = {}, 0
for at = 4, #ARGV, 2 do
  caught_up[ARGV[at]] = tonumber(ARGV[at + 1])
  latest = math.max(latest, tonumber(ARGV[at + 1]))
end
local offset, lines, ended = tonumber(meta[3]), {}, {}
local due = redis.call('ZRANGEBYSCORE', KEYS[6], '-inf', '(' .. string.format('%.0f', latest), 'WITHSCORES',
  'LIMIT', 0, ARGV[3])
for i = 1, #due, 2 do
  local combo = redis.call('HGET', KEYS[5], due[i])
  local id, total, coins, _, p, fact = string.match(combo or '', '^(%S+) (%d+) (%d+) (%d+) (%d+) (.*)$')
  if not id then table.insert(ended, due[i])
  elseif tonumber(due[i + 1]) < (caught_up[p] or 0) then
    offset = offset + 1
    table.insert(ended, due[i])
    table.insert(lines, string.format('c %.0f %s %s %s %s %s %s %s %s %s', offset, id, total, coins, meta[7], meta[4],
      meta[4], meta[5], due[i + 1], fact))
  end
end
if #ended > 0 then
  redis.call('HDEL', KEYS[5], unpack(ended))
  redis.call('ZREM', KEYS[6], unpack(ended))
end
if #lines > 0 then
  local last = string.format('%.0f', offset)
  local frame = meta[2] .. '-' .. last
  local blob = string.format('%s %s %s %s %s\n', meta[2], last, meta[4], meta[5], meta[6]) .. table.concat(lines, '\n')
  redis.call('HSET', KEYS[1], 'offset', last, 'frame', frame)
  redis.call('XADD', KEYS[7], 'MAXLEN', ARGV[2], frame, 'd', blob)
  redis.call('PUBLISH', ARGV[1], blob)
end
return { 'ok', #lines, redis.call('ZCARD', KEYS[6]) }
