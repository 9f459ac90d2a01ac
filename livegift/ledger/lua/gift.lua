#!lua
-- gift: charge a batch of 1..64 gifts of one partition, each all or nothing on its own.
--
-- KEYS  1 meta, 2 journal, 3.. the wallets, ids and stripes that the gifts name by index into KEYS
-- ARGV  1 P, 2 epoch, 3 generation, 4 owner (master_replid), 5 caller's time, 6 not_after (partition's time),
--       7 n, then 9 a gift: wallet key, ids key, stripe key (0: none), id (32 hex), id's time, digest,
--       coins, refusal ('' or a code that the edge decided), payload (opaque, goes into the journal)
-- All times are milliseconds.
--
-- Reply {'ok', epoch, mark, now, results}, one result a gift, decided in this order:
--   {'need_load'}                              the wallet or the stripe is not hot in this generation
--   {'replayed', epoch, seq, balance}          known id, same digest: the receipt of then
--   {'mismatch'}                               known id, other digest
--   {'stale_id', seq, now}                     id over 15 min back: ask the book once its mark has reached seq
--   {'early_id', now}                          id over 2 min ahead: make a new one from now
--   {'refused'}                                the edge's refusal stands
--   {'frozen'} {'limit'} {'insufficient_coins', balance}
--   {'accepted', seq, balance, earned}
-- or one answer for the call: {'fenced', what} {'busy', why} {'clock_skew', now} {'late', now}
--
-- There is no rollback: every check stands before the first write, and XADD, the only write that can still
-- fail, is the first. Amounts are decimal text; Lua's numbers are exact to 2^53 and written with %.0f.

local ID_WINDOW_MS, ID_AHEAD_MS, SKEW_MS = 900000, 120000, 120000
local BALANCE_MAX = 4e15
local ARGS = 9

local meta = redis.call('HMGET', KEYS[1], 'partitions', 'epoch', 'generation', 'owner', 'state',
  'seq', 'mark', 'clock', 'clock_offset_ms', 'limit')
if not meta[4] then return { 'fenced', 'owner' } end
local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
if meta[4] ~= replid then return { 'fenced', 'owner' } end
if meta[1] ~= ARGV[1] then return { 'fenced', 'partitions' } end
if meta[2] ~= ARGV[2] or meta[3] ~= ARGV[3] or meta[4] ~= ARGV[4] then return { 'fenced', 'epoch' } end
if meta[5] ~= 'open' then return { 'busy', 'closed' } end

local time = redis.call('TIME')
local raw = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(meta[9] or '0')
local clock = math.max(raw, tonumber(meta[8]))
local now = string.format('%.0f', clock)
if math.abs(raw - tonumber(ARGV[5])) > SKEW_MS then return { 'clock_skew', string.format('%.0f', raw) } end
if clock > tonumber(ARGV[6]) then return { 'late', now } end

local n = tonumber(ARGV[7])
local seq, mark = tonumber(meta[6]), tonumber(meta[7])
if seq - mark + n > tonumber(meta[10]) then return { 'busy', 'journal' } end

-- The overlay: what this call has already changed is asked before Redis, ids too.
local wallets, stripes, ids = {}, {}, {}
local touched_wallets, touched_stripes, touched_ids = {}, {}, {}
local entry = { KEYS[2], '', 't', now }
local results = {}
local clock_used = false

local function wallet_of(index)
  local wallet = wallets[index]
  if wallet == nil then
    local found = redis.call('HMGET', KEYS[index], 'coins', 'frozen')
    wallet = found[1] and { coins = tonumber(found[1]), frozen = found[2] == '1' } or false
    wallets[index] = wallet
  end
  return wallet
end

local function stripe_of(index)
  local points = stripes[index]
  if points == nil then
    local found = redis.call('GET', KEYS[index])
    points = found and tonumber(found) or false
    stripes[index] = points
  end
  return points
end

-- A member is <id>:<epoch>:<seq>:<balance>:<digest>; ids sort by their time, so a prefix finds one and prunes many.
local function receipt_of(index, id)
  local own = ids[index]
  if own and own[id] then return own[id] end
  return redis.call('ZRANGEBYLEX', KEYS[index], '[' .. id .. ':', '(' .. id .. ';', 'LIMIT', 0, 1)[1]
end

local function decide(at)
  local w, i, s = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local id, id_ms, digest, text = ARGV[at + 3], tonumber(ARGV[at + 4]), ARGV[at + 5], ARGV[at + 6]
  local wallet = wallet_of(w)
  if not wallet then return { 'need_load' } end

  local receipt = receipt_of(i, id)
  if receipt then
    local then_epoch, then_seq, balance, then_digest = string.match(receipt, '^%x+:(%d+):(%d+):(%-?%d+):(.+)$')
    if then_digest ~= digest then return { 'mismatch' } end
    return { 'replayed', then_epoch, then_seq, balance }
  end

  clock_used = true
  if clock - id_ms > ID_WINDOW_MS then return { 'stale_id', string.format('%.0f', seq), now } end
  if id_ms - clock > ID_AHEAD_MS then return { 'early_id', now } end
  if ARGV[at + 7] ~= '' then return { 'refused' } end
  local coins = tonumber(text)
  if wallet.frozen then return { 'frozen' } end
  if wallet.coins < coins then return { 'insufficient_coins', string.format('%.0f', wallet.coins) } end
  local earned = stripe_of(s)
  if not earned then return { 'need_load' } end
  if earned + coins > BALANCE_MAX then return { 'limit' } end

  seq = seq + 1
  wallet.coins, wallet.seq = wallet.coins - coins, seq
  stripes[s] = earned + coins
  local balance, points = string.format('%.0f', wallet.coins), string.format('%.0f', stripes[s])
  touched_wallets[w], touched_stripes[s] = true, true
  local member = string.format('%s:%s:%.0f:%s:%s', id, meta[2], seq, balance, digest)
  ids[i] = ids[i] or {}
  ids[i][id] = member
  touched_ids[i] = touched_ids[i] or {}
  table.insert(touched_ids[i], 0)
  table.insert(touched_ids[i], member)
  table.insert(entry, string.format('g %.0f %s %s', seq, balance, points))
  table.insert(entry, ARGV[at + 8])
  return { 'accepted', string.format('%.0f', seq), balance, points }
end

for g = 0, n - 1 do
  local at = 8 + g * ARGS
  -- A refused gift may have no price; every other amount is checked before anything is decided.
  if ARGV[at + 7] == '' and (#ARGV[at + 6] > 13 or not string.match(ARGV[at + 6], '^[1-9]%d*$')) then
    return redis.error_reply('BADGIFT coins must be 1 to 13 digits, found ' .. ARGV[at + 6])
  end
  if #ARGV[at + 3] ~= 32 or not string.match(ARGV[at + 3], '^[0-9a-f]+$') then
    return redis.error_reply('BADGIFT id must be 32 hex digits')
  end
end
for g = 0, n - 1 do results[g + 1] = decide(8 + g * ARGS) end

if #entry > 4 then
  entry[2] = meta[2] .. '-' .. string.format('%.0f', seq)
  redis.call('XADD', unpack(entry))
  redis.call('HSET', KEYS[1], 'seq', string.format('%.0f', seq), 'clock', now)
  for w in pairs(touched_wallets) do
    redis.call('HSET', KEYS[w], 'coins', string.format('%.0f', wallets[w].coins),
      'seq', string.format('%.0f', wallets[w].seq), 'ts', now)
  end
  for s in pairs(touched_stripes) do redis.call('SET', KEYS[s], string.format('%.0f', stripes[s])) end
  local oldest = '(' .. string.format('%012x', clock - ID_WINDOW_MS)
  for i, members in pairs(touched_ids) do
    redis.call('ZADD', KEYS[i], unpack(members))
    redis.call('ZREMRANGEBYLEX', KEYS[i], '-', oldest)
  end
elseif clock_used then
  -- An id judged stale must stay stale, whatever the wall clock does next.
  redis.call('HSET', KEYS[1], 'clock', now)
end
return { 'ok', meta[2], meta[7], now, results }
