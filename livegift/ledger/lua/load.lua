#!lua
-- load: make wallets (with their recent ids) and stripes hot, from one primary SQL snapshot.
--
-- KEYS  1 meta, 2.. wallets, ids and stripes, named by index into KEYS
-- ARGV  1 epoch, 2 generation, 3 owner, 4 evictions seen before the snapshot, 5 most hot wallets,
--       6 number of wallets w, 7 number of stripes s,
--       then a wallet: wallet key, ids key, coins, frozen (0|1), last seq, k, k members of the ids (see gift.lua),
--       then a stripe: stripe key, points
-- Reply {'loaded', wallets created} {'moved'} (an eviction came between: read SQL again) {'full', hot}
--       {'fenced', what} {'busy', why}
--
-- What is hot already is newer than the snapshot and stays as it is.

local meta = redis.call('HMGET', KEYS[1], 'epoch', 'generation', 'owner', 'state', 'evictions', 'hot',
  'clock', 'clock_offset_ms')
local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
if not meta[3] or meta[3] ~= replid then return { 'fenced', 'owner' } end
if meta[1] ~= ARGV[1] or meta[2] ~= ARGV[2] or meta[3] ~= ARGV[3] then return { 'fenced', 'epoch' } end
if meta[4] ~= 'open' then return { 'busy', 'closed' } end
if meta[5] ~= ARGV[4] then return { 'moved' } end

local time = redis.call('TIME')
local raw = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(meta[8] or '0')
local now = string.format('%.0f', math.max(raw, tonumber(meta[7])))

local at, new, hot = 8, {}, tonumber(meta[6])
for _ = 1, tonumber(ARGV[6]) do
  local wallet, count = tonumber(ARGV[at]), tonumber(ARGV[at + 5])
  if not string.match(ARGV[at + 2], '^%-?%d+$') or not string.match(ARGV[at + 4], '^%d+$') then
    return redis.error_reply('BADLOAD a wallet needs whole coins and a seq')
  end
  if redis.call('EXISTS', KEYS[wallet]) == 0 then table.insert(new, at) end
  at = at + 6 + count
end
if #new > 0 and hot + #new > tonumber(ARGV[5]) then return { 'full', meta[6] } end
local stripes = {}
for _ = 1, tonumber(ARGV[7]) do
  if not string.match(ARGV[at + 1], '^%d+$') then return redis.error_reply('BADLOAD a stripe needs whole points') end
  table.insert(stripes, at)
  at = at + 2
end

for _, first in ipairs(new) do
  local wallet, ids, count = tonumber(ARGV[first]), tonumber(ARGV[first + 1]), tonumber(ARGV[first + 5])
  -- Left over from nothing we know of: ids without a wallet would be stale knowledge.
  redis.call('UNLINK', KEYS[ids])
  for m = 1, count do redis.call('ZADD', KEYS[ids], 0, ARGV[first + 5 + m]) end
  redis.call('HSET', KEYS[wallet], 'coins', ARGV[first + 2], 'frozen', ARGV[first + 3], 'seq', ARGV[first + 4],
    'ts', now)
end
for _, first in ipairs(stripes) do redis.call('SET', KEYS[tonumber(ARGV[first])], ARGV[first + 1], 'NX') end
if #new > 0 then redis.call('HINCRBY', KEYS[1], 'hot', #new) end
return { 'loaded', #new }
