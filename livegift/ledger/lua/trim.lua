#!lua flags=allow-oom
-- trim: tell how far the book has got, and drop the journal behind it. Never called before the commit.
--
-- KEYS  1 meta, 2 journal
-- ARGV  1 epoch, 2 mark (seq of the last committed entry), 3 channel, 4 partition
-- Reply {'trimmed', entries dropped} {'known'} (the mark stands there or further) {'fenced', what}
--
-- The entry at the mark stays: whoever reads on must find it first. Published as '<p> <epoch> <mark>'.

local meta = redis.call('HMGET', KEYS[1], 'epoch', 'mark')
if meta[1] ~= ARGV[1] then return { 'fenced', 'epoch' } end
local id = ARGV[1] .. '-' .. ARGV[2]
local news = tonumber(ARGV[2]) > tonumber(meta[2])
if news then redis.call('HSET', KEYS[1], 'mark', ARGV[2]) end
local dropped = redis.call('XTRIM', KEYS[2], 'MINID', '=', id)
if not news then return { 'known' } end
redis.call('PUBLISH', ARGV[3], ARGV[4] .. ' ' .. ARGV[1] .. ' ' .. ARGV[2])
return { 'trimmed', dropped }
