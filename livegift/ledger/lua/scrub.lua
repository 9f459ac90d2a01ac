#!lua flags=allow-oom
-- scrub: empty the entry at the book's mark, which stays so that readers find it, of the names and texts it carried.
--
-- KEYS  1 meta, 2 journal
-- ARGV  1 epoch, 2 seq: what came up to then is to be gone
-- Reply {'clean'} {'waits'} (not settled yet; gifts go on, and the next trim will drop it) {'fenced', what}
--
-- A stream takes no entry before its last one, so the stream itself is made anew with that one entry.

local meta = redis.call('HMGET', KEYS[1], 'epoch', 'mark')
if meta[1] ~= ARGV[1] then return { 'fenced', 'epoch' } end
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
if not first or first[2][1] == 'o' then return { 'clean' } end
local id = meta[1] .. '-' .. meta[2]
if first[1] == id and tonumber(meta[2]) > tonumber(ARGV[2]) then return { 'clean' } end
if first[1] ~= id or redis.call('XLEN', KEYS[2]) > 1 then return { 'waits' } end
redis.call('DEL', KEYS[2])
redis.call('XADD', KEYS[2], id, 'o', '')
return { 'clean' }
