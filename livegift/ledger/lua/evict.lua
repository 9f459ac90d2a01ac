#!lua flags=allow-oom
-- evict: let go of wallets that the book knows as well and nobody has used for a while, with their ids.
--
-- KEYS  1 meta, then pairs of wallet and ids
-- ARGV  1 epoch, 2 generation, 3 owner, 4 idle for at least (ms; 0 takes every settled wallet)
-- Reply {'evicted', n} {'fenced', what}
--
-- `evictions` in meta moves on, so that a load whose SQL snapshot is older than this is refused.

local meta = redis.call('HMGET', KEYS[1], 'epoch', 'generation', 'owner', 'mark', 'clock', 'clock_offset_ms')
local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
if not meta[3] or meta[3] ~= replid then return { 'fenced', 'owner' } end
if meta[1] ~= ARGV[1] or meta[2] ~= ARGV[2] or meta[3] ~= ARGV[3] then return { 'fenced', 'epoch' } end

local time = redis.call('TIME')
local raw = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(meta[6] or '0')
local clock, mark, idle = math.max(raw, tonumber(meta[5])), tonumber(meta[4]), tonumber(ARGV[4])

local gone = {}
for k = 2, #KEYS, 2 do
  local wallet = redis.call('HMGET', KEYS[k], 'seq', 'ts')
  -- After the clock has stepped back a wallet may have been used "later than now": that is not idle, but not never.
  local idle_for = wallet[1] and math.max(clock - tonumber(wallet[2]), 0)
  if wallet[1] and tonumber(wallet[1]) <= mark and idle_for >= idle then table.insert(gone, k) end
end
if #gone > 0 then
  redis.call('HINCRBY', KEYS[1], 'evictions', 1)
  redis.call('HINCRBY', KEYS[1], 'hot', -#gone)
  for _, k in ipairs(gone) do redis.call('UNLINK', KEYS[k], KEYS[k + 1]) end
end
return { 'evicted', #gone }
