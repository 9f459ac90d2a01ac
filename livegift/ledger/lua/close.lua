#!lua flags=allow-oom
-- close: first step of recover. Makes the partition answer `busy`, and tells what stands in Redis.
--
-- It also gives the book's epoch up: whoever has committed that one, and comes late, must not open it any more. Gifts
-- would be accepted under it that the recovery begun here would throw away.
--
-- KEYS  1 meta
-- ARGV  1 the book's epoch, 2 '1' closes a healthy partition too (repartition), else '0'
-- Reply {'healthy'} (epoch and owner are right and it is open: nothing to recover)
--       {'closed', owner now, {field, value, …} of meta as found (without epoch: none)}

local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local meta = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'state', 'given_up')
if meta[1] == replid and meta[2] == ARGV[1] and meta[3] == 'open' and ARGV[2] == '0' then return { 'healthy' } end
local found = redis.call('HGETALL', KEYS[1])
local given_up = math.max(tonumber(meta[4] or '0'), tonumber(ARGV[1]))
redis.call('HSET', KEYS[1], 'state', 'closed', 'given_up', string.format('%.0f', given_up))
return { 'closed', replid, found }
