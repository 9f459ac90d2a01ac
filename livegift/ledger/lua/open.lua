#!lua flags=allow-oom
-- open: last step of recover. The new epoch is in the book; from here on the partition takes gifts again.
--
-- KEYS  1 meta, 2 journal
-- ARGV  1 layout, 2 P, 3 epoch, 4 generation, 5 seq, 6 inbox mark, 7 clock, 8 journal limit,
--       9 owner as close saw it, 10 the chain's head (hex)
-- Reply {'opened'} {'fenced', 'owner'} (changed since close)
--       {'older', epoch found} (a newer epoch stands there, or ours was given up)
--
-- XADD is the first write; a journal that is ahead of this epoch makes it fail with nothing done. The opening
-- entry has the id <epoch>-<seq>: it is the entry that the book's mark names.

local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
if replid ~= ARGV[9] then return { 'fenced', 'owner' } end
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'clock', 'clock_offset_ms', 'given_up')
if meta[1] and tonumber(meta[1]) >= tonumber(ARGV[3]) then return { 'older', meta[1] } end
if meta[4] and tonumber(meta[4]) >= tonumber(ARGV[3]) then return { 'older', meta[4] } end
local clock = math.max(tonumber(ARGV[7]), tonumber(meta[2] or '0'))

local id = ARGV[3] .. '-' .. ARGV[5]
redis.call('XADD', KEYS[2], id, 'o', ARGV[10])
redis.call('XTRIM', KEYS[2], 'MINID', '=', id)
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'layout', ARGV[1], 'partitions', ARGV[2], 'epoch', ARGV[3], 'generation', ARGV[4],
  'seq', ARGV[5], 'mark', ARGV[5], 'inbox', ARGV[6], 'clock', string.format('%.0f', clock), 'limit', ARGV[8],
  'owner', replid, 'state', 'open', 'evictions', '0', 'hot', '0', 'clock_offset_ms', meta[3] or '0')
return { 'opened' }
