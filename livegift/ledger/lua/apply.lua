#!lua
-- apply: carry one inbox entry of the book into a hot wallet, in the order of the partition's gapless numbers.
--
-- KEYS  1 meta, 2 journal, 3 wallet
-- ARGV  1 P, 2 epoch, 3 generation, 4 owner, 5 caller's time, 6 number, 7 kind, 8 coins, 9 payload (opaque)
--       kinds: recharge, promo (+), take (- if the wallet holds as much), chargeback (-, may leave a debt and then
--       freezes), adjustment (+ or -, never below zero)
-- Reply {'applied', seq, balance} {'rejected', seq, reason, balance}: both consume the number and are journalled
--       {'known'} (consumed before) {'gap', last consumed} {'need_load'}
--       {'fenced', what} {'busy', why} {'clock_skew', now}

local SKEW_MS, BALANCE_MAX = 120000, 4e15

local meta = redis.call('HMGET', KEYS[1], 'partitions', 'epoch', 'generation', 'owner', 'state',
  'seq', 'mark', 'clock', 'clock_offset_ms', 'limit', 'inbox')
local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
if not meta[4] or meta[4] ~= replid then return { 'fenced', 'owner' } end
if meta[1] ~= ARGV[1] then return { 'fenced', 'partitions' } end
if meta[2] ~= ARGV[2] or meta[3] ~= ARGV[3] or meta[4] ~= ARGV[4] then return { 'fenced', 'epoch' } end
if meta[5] ~= 'open' then return { 'busy', 'closed' } end

local number, consumed = tonumber(ARGV[6]), tonumber(meta[11])
if number <= consumed then return { 'known' } end
if number ~= consumed + 1 then return { 'gap', meta[11] } end

local time = redis.call('TIME')
local raw = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(meta[9] or '0')
if math.abs(raw - tonumber(ARGV[5])) > SKEW_MS then return { 'clock_skew', string.format('%.0f', raw) } end
local now = string.format('%.0f', math.max(raw, tonumber(meta[8])))
if tonumber(meta[6]) - tonumber(meta[7]) + 1 > tonumber(meta[10]) then return { 'busy', 'journal' } end

local kind, text = ARGV[7], ARGV[8]
local digits = string.match(text, kind == 'adjustment' and '^%-?([1-9]%d*)$' or '^([1-9]%d*)$')
if not digits or #digits > 13 then return redis.error_reply('BADENTRY coins must be 1 to 13 digits, found ' .. text) end
local wallet = redis.call('HMGET', KEYS[3], 'coins', 'frozen')
if not wallet[1] then return { 'need_load' } end

local coins, balance, frozen, reason = tonumber(text), tonumber(wallet[1]), wallet[2], nil
local after
if kind == 'recharge' or kind == 'promo' then after = balance + coins
elseif kind == 'take' then after = balance - coins
elseif kind == 'chargeback' then after = balance - coins
elseif kind == 'adjustment' then after = balance + coins
else return redis.error_reply('BADENTRY unknown kind ' .. kind) end
if after < 0 and (kind == 'take' or kind == 'adjustment') then reason = 'insufficient_coins' end
if math.abs(after) > BALANCE_MAX then reason = 'limit' end
if reason then after = balance
elseif kind == 'chargeback' and after < 0 then frozen = '1' end

local seq = string.format('%.0f', tonumber(meta[6]) + 1)
local left = string.format('%.0f', after)
redis.call('XADD', KEYS[2], meta[2] .. '-' .. seq, 't', now,
  'a ' .. seq .. ' ' .. ARGV[6] .. ' ' .. (reason or 'applied') .. ' ' .. left, ARGV[9])
redis.call('HSET', KEYS[1], 'seq', seq, 'clock', now, 'inbox', ARGV[6])
redis.call('HSET', KEYS[3], 'coins', left, 'frozen', frozen, 'seq', seq, 'ts', now)
if reason then return { 'rejected', seq, reason, left } end
return { 'applied', seq, left }
