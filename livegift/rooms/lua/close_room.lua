#!lua
-- close_room: append `room_closed` with the totals, once. Gifts accepted before may still be announced after it.
--
-- KEYS  1 state, 2 top, 3 names, 4 anonymous, 5 combos, 6 due, 7 frames
-- ARGV  1 channel, 2 folds kept, 3 event id
-- Reply {'closed', offset} {'known'} {'missing'} (no state, or another owner's: announce first)

local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local meta = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'offset', 'coins', 'gifts', 'senders', 'closed')
if meta[1] ~= replid then return { 'missing' } end
if meta[7] then return { 'known' } end

local last = string.format('%.0f', tonumber(meta[3]) + 1)
local frame = meta[2] .. '-' .. last
local sums = meta[4] .. ' ' .. meta[5] .. ' ' .. meta[6]
local blob = meta[2] .. ' ' .. last .. ' ' .. sums .. '\nx ' .. last .. ' ' .. sums .. ' ' .. ARGV[3]
redis.call('HSET', KEYS[1], 'offset', last, 'frame', frame, 'closed', '1')
redis.call('XADD', KEYS[7], 'MAXLEN', ARGV[2], frame, 'd', blob)
redis.call('PUBLISH', ARGV[1], blob)
return { 'closed', last }
